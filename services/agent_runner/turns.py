"""What a conversation is made of, as the journal keeps it."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one answer; `estimated` if the server told none."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input_tokens + self.output_tokens


class ToolCall(msgspec.Struct, frozen=True):
    """`arguments` is the text that the model wrote: meant to be a JSON object."""

    id: str
    name: str
    arguments: str


class Replied(msgspec.Struct, frozen=True, omit_defaults=True, tag="replied", tag_field="kind"):
    """One finished turn of the model."""

    content: str = ""
    calls: list[ToolCall] = []
    finish_reason: str = ""
    model: str = ""
    usage: Usage = Usage()


class ToolResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """`content` is what the model reads."""

    call: str
    content: str
    is_error: bool = False


class Acted(msgspec.Struct, frozen=True, tag="acted", tag_field="kind"):
    """The results of all calls of the turn before, in their order."""

    results: list[ToolResult]


Entry = Replied | Acted
