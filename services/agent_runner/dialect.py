"""How tools and answers are spoken of: with the server's own tool calls, or in plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .answer import Answer, Calls, Fault
from .turns import Replied, ToolCall, ToolResult

FINISH = "finish"
Message = dict[str, Any]


class ToolForm(Protocol):
    """What a model is told of a tool."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> dict[str, Any]: ...


class Dialect(Protocol):
    def system(self) -> str:
        """What the model must be told beyond the config's instructions."""

    def request(self) -> dict[str, Any]:
        """The parameters of every request beside the messages; always the same."""

    def read(self, reply: Replied) -> Calls | Answer | Fault: ...

    def said(self, reply: Replied) -> Message:
        """The reply as part of the conversation."""

    def results(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Message]:
        """What the model reads after its calls."""

    def repair(self, reply: Replied, fault: Fault) -> list[Message]:
        """What the model reads after an answer that cannot be taken."""


def response_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def cut_short(reply: Replied) -> Fault | None:
    """The fault of an answer that the server broke off."""
    if reply.finish_reason == "length":
        return Fault("the answer was too long and was cut off: be briefer")
    if reply.finish_reason == "content_filter":
        return Fault("the answer was held back by the server's content filter")
    return None
