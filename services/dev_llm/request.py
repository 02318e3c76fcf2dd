"""What is read of a request."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from minuet.model.canonical import canonical_json


class Message(msgspec.Struct):
    role: str
    content: Any = None
    tool_calls: list[Any] | None = None

    @property
    def text(self) -> str:
        """The content as text; parts that are no text do not count."""
        if isinstance(self.content, list):
            parts = [part.get("text") for part in self.content if isinstance(part, dict)]
            return "\n".join(part for part in parts if isinstance(part, str))
        return self.content if isinstance(self.content, str) else ""


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class ChatRequest(msgspec.Struct):
    model: str
    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None

    @property
    def turn(self) -> int:
        """Which answer is asked for, from 0: the conversation itself tells, so that requests may
        be repeated, interleaved and resumed by another process."""
        return sum(message.role == "assistant" for message in self.messages)

    @property
    def opening(self) -> str:
        """What was said before the first answer."""
        texts: list[str] = []
        for message in self.messages:
            if message.role == "assistant":
                break
            texts.append(message.text)
        return "\n".join(texts)

    @property
    def latest(self) -> str:
        """What was said since the last answer."""
        texts: list[str] = []
        for message in reversed(self.messages):
            if message.role == "assistant":
                break
            texts.append(message.text)
        return "\n".join(reversed(texts))

    @property
    def tool_names(self) -> list[str]:
        return [str(tool.get("function", {}).get("name")) for tool in self.tools or []]


def messages_hash(body: bytes) -> str:
    """sha256 of the messages as canonical JSON: equal for equal conversations."""
    return hashlib.sha256(canonical_json(msgspec.json.decode(body)["messages"])).hexdigest()
