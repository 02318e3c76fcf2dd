"""Scripts: what the stand-in answers to whom."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from minuet.model.errors import InvalidInput
from minuet.model.yaml import parse_yaml


class ScriptedCall(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`arguments` is an object, or the exact text to send (to play a model that gets it wrong)."""

    name: str
    arguments: dict[str, Any] | str = {}


class Fault(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One spoiled answer: a status, a body that is no JSON, or a stream that ends too early."""

    status: int | None = None
    retry_after_s: float | None = None
    message: str = "scripted failure"
    malformed: bool = False
    cut_after: int | None = None


class Turn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One answer. `say` is text, `json` a value said as JSON; `fail` spoils the first requests
    for this turn, one each. `expect` must occur in what was said since the last answer."""

    say: str | None = None
    json: Any = msgspec.UNSET
    tool_calls: list[ScriptedCall] = []
    expect: str | None = None
    fail: list[Fault] = []
    latency_ms: int = 0
    chunk_ms: int = 0
    chunk_chars: int = 16
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None

    @property
    def content(self) -> str | None:
        if self.json is not msgspec.UNSET:
            return msgspec.json.encode(self.json).decode()
        return self.say


class Conversation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Meets requests whose model fits the pattern `model` and whose messages before the first
    answer hold every text of `match`."""

    name: str
    turns: list[Turn]
    model: str = "*"
    match: str | list[str] = []

    def meets(self, model: str, opening: str) -> bool:
        wanted = [self.match] if isinstance(self.match, str) else self.match
        return fnmatchcase(model, self.model) and all(text in opening for text in wanted)


class Script(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    conversations: list[Conversation]


def load_conversations(paths: Iterable[Path]) -> list[Conversation]:
    """All conversations in the order of the files. Raises InvalidInput naming file and field."""
    found: list[Conversation] = []
    for path in paths:
        try:
            data = parse_yaml(path.read_text("utf-8"))
            found += msgspec.convert(data, Script).conversations
        except OSError as exc:
            raise InvalidInput(f"{path}: {exc.strerror}") from exc
        except (InvalidInput, msgspec.ValidationError, UnicodeDecodeError) as exc:
            raise InvalidInput(f"{path}: {exc}") from exc
    return found
