"""What is kept of a patch that was refused before it became a command."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from minuet.model.errors import InvalidDocument, PatchError
from minuet.store.runs import RunRow

from ..errors import PatchRefused, PreconditionFailed

MAX_OPERATIONS_BYTES: Final = 64 * 1024
MAX_KEPT: Final = 1000
MAX_FAULTS: Final = 100
MAX_FAULT: Final = 1000

Error = PatchError | InvalidDocument | PatchRefused | PreconditionFailed


class Refused(Exception):
    """Carries what the caller is told, and the run as it was when it was judged."""

    def __init__(self, run: RunRow, error: Error) -> None:
        super().__init__(str(error))
        self.run = run
        self.error = error

    @property
    def reason(self) -> str:
        if isinstance(self.error, PatchRefused):
            return self.error.reason
        return "base_moved" if isinstance(self.error, PreconditionFailed) else self.error.code

    @property
    def detail(self) -> list[str]:
        return [fault[:MAX_FAULT] for fault in _faults(self.error)[:MAX_FAULTS]]


def kept_operations(operations: list[Any]) -> bytes:
    """As JSON; of long ones only where they wanted to change what, without the values."""
    text = msgspec.json.encode(operations)
    if len(text) <= MAX_OPERATIONS_BYTES:
        return text
    bare = [_without_value(each) for each in operations[:MAX_KEPT] if isinstance(each, dict)]
    return msgspec.json.encode(bare)


def _without_value(operation: dict[str, Any]) -> dict[str, str]:
    return {
        name: str(operation[name])[:200] for name in ("op", "path", "from") if name in operation
    }


def _faults(error: Error) -> list[str]:
    if isinstance(error, PatchRefused):
        return error.faults
    if isinstance(error, InvalidDocument):
        found = (each for each in error.diagnostics if each.severity == "error")
        return [f"{each.path}: {each.message}" if each.path else each.message for each in found]
    return [str(error)]
