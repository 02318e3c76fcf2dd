"""Patches on documents: apply, invert. Chooses the compiled patcher, or without it the reference.

A given document is never changed; what a patch leaves alone is shared between old and new, and
so are the values of the operations: treat all of them as frozen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Protocol

from .patch_operation import (
    MAX_OPERATIONS,
    MAX_VALUE_BYTES,
    MISSING,
    Operation,
    Refused,
    Tokens,
    format_pointer,
    read_operations,
    shown,
    size_bytes,
)

try:
    from .patcher import Patcher, is_compiled, same
except ModuleNotFoundError:  # built without a C compiler
    from .reference_patch import Patcher, is_compiled, same  # type: ignore[assignment]

    warnings.warn(
        "minuet runs on its plain-Python patcher: build with a C compiler for the fast one",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = ["MAX_OPERATIONS", "MAX_VALUE_BYTES", "apply_patch", "invert", "is_compiled"]


class Target(Protocol):
    """What operations are performed on: a patcher, or one that also notes how to go back."""

    def get(self, path: Tokens) -> Any: ...
    def add(self, path: Tokens, value: Any) -> Any: ...
    def remove(self, path: Tokens) -> Any: ...
    def replace(self, path: Tokens, value: Any) -> Any: ...
    def disown(self, value: Any) -> None: ...


def apply_patch(
    document: Any,
    operations: Iterable[object],
    *,
    max_operations: int = MAX_OPERATIONS,
    max_value_bytes: int = MAX_VALUE_BYTES,
) -> Any:
    """The document that RFC 6902 `operations` make of `document`: all of them, or PatchError.

    A pointer may address an element of the array `nodes` as `/nodes/by-id/<id>`: the first with
    that id. `max_value_bytes` bounds the JSON of everything that the patch brings in, copies
    included. The result need not be a sound workflow: compile it.
    """
    patcher = Patcher(document)
    _perform_all(patcher, read_operations(operations, max_operations), max_value_bytes)
    return patcher.root


def invert(
    document: Any,
    operations: Iterable[object],
    *,
    max_operations: int = MAX_OPERATIONS,
    max_value_bytes: int = MAX_VALUE_BYTES,
) -> list[dict[str, Any]]:
    """Operations that lead from `apply_patch(document, operations)` back to `document`.

    They name array positions, never ids. There may be twice as many, and they bring back whatever
    was removed, so they can be above the limits that `operations` kept. Raises PatchError.
    """
    recording = _Recording(Patcher(document))
    _perform_all(recording, read_operations(operations, max_operations), max_value_bytes)
    return recording.undo[::-1]


def _perform_all(target: Target, operations: list[Operation], max_value_bytes: int) -> None:
    left = max_value_bytes
    for operation in operations:
        try:
            left -= _perform(target, operation, left)
        except Refused as exc:
            raise operation.error(str(exc)) from None
        if left < 0:
            raise operation.error(f"the patch brings more than {max_value_bytes} bytes of values")


def _perform(target: Target, operation: Operation, left: int) -> int:
    """Do it; the bytes that it brought in. Nothing is added once more than `left` came."""
    op, path, value = operation.op, operation.path, operation.value
    if op == "test":
        _test(target.get(path), value)
        return 0
    if op == "remove":
        target.remove(path)
        return 0
    if op == "move":
        _move(target, operation.source, path)
        return 0
    if op == "copy":
        value = target.get(operation.source)
    size = size_bytes(value)
    if size > left:
        return size
    if op == "copy":
        target.disown(value)
    (target.replace if op == "replace" else target.add)(path, value)
    return size


def _move(target: Target, source: Tokens, path: Tokens) -> None:
    if source == path:
        target.get(path)
    else:
        target.add(path, target.remove(source))


def _test(found: Any, expected: Any) -> None:
    if not same(found, expected):
        raise Refused(f"the test failed: expected {shown(expected)}, found {shown(found)}")


class _Recording:
    """Performs on a patcher and notes in `undo`, oldest first, what takes each change back."""

    def __init__(self, patcher: Patcher) -> None:
        self._patcher = patcher
        self.undo: list[dict[str, Any]] = []

    def get(self, path: Tokens) -> Any:
        return self._patcher.get(path)

    def add(self, path: Tokens, value: Any) -> Any:
        place = self._patcher.concrete(path)
        old = self._patcher.add(path, value)
        self._note("remove", place) if old is MISSING else self._note("replace", place, old)
        return old

    def remove(self, path: Tokens) -> Any:
        place = self._patcher.concrete(path)
        old = self._patcher.remove(path)
        self._note("add", place, old)
        return old

    def replace(self, path: Tokens, value: Any) -> Any:
        place = self._patcher.concrete(path)
        old = self._patcher.replace(path, value)
        self._note("replace", place, old)
        return old

    def disown(self, value: Any) -> None:
        self._patcher.disown(value)

    def _note(self, op: str, place: Tokens, value: Any = MISSING) -> None:
        operation = {"op": op, "path": format_pointer(place)}
        if value is not MISSING:
            self._patcher.disown(value)  # it may go on living elsewhere, and change there
            operation["value"] = value
        self.undo.append(operation)
