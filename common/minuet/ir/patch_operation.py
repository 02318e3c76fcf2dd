"""Reading JSON Patch operations (RFC 6902) and their pointers (RFC 6901)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from minuet.model.errors import PatchError

MAX_OPERATIONS: Final = 1000
MAX_VALUE_BYTES: Final = 1024 * 1024
MAX_POINTER: Final = 4096
_SHOWN: Final = 120

Tokens = tuple[str, ...]
MISSING: Final[Any] = object()  # where null would be a value
_BAD_ESCAPE = re.compile(r"~(?![01])")
_WITH_VALUE = frozenset({"add", "replace", "test"})
_WITH_SOURCE = frozenset({"move", "copy"})
_OPS = frozenset({"remove"}) | _WITH_VALUE | _WITH_SOURCE
_encode = msgspec.json.Encoder().encode


class Refused(Exception):
    """An operation does not fit the document; who knows its number makes a PatchError of it."""


class Operation(NamedTuple):
    """One operation. `source` is empty unless the op is move or copy; `value` is None without."""

    number: int
    op: str
    pointer: str
    path: Tokens
    source: Tokens
    value: Any

    def error(self, reason: str) -> PatchError:
        return fault(self.number, self.op, self.pointer, reason)


def fault(index: int, op: str, pointer: str, reason: str) -> PatchError:
    return PatchError(reason, index=index, op=op, pointer=pointer)


def read_operations(
    operations: Iterable[object], max_operations: int = MAX_OPERATIONS
) -> list[Operation]:
    """Check the form of every operation before the first is applied.

    Members that RFC 6902 does not name are ignored. Raises PatchError.
    """
    if isinstance(operations, str | bytes | dict) or not isinstance(operations, Iterable):
        raise fault(0, "", "", "a patch is a list of operations")
    listed = list(operations)
    if len(listed) > max_operations:
        raise fault(
            max_operations, "", "", f"{len(listed)} operations; the limit is {max_operations}"
        )
    return [_read(index, each) for index, each in enumerate(listed)]


def _read(index: int, given: object) -> Operation:
    if not isinstance(given, dict):
        raise fault(index, "", "", f"an operation is an object, not {shown(given)}")
    op, pointer = given.get("op"), given.get("path")
    if not isinstance(op, str) or op not in _OPS:
        raise fault(index, "", "", f"op must be one of {', '.join(sorted(_OPS))}, not {shown(op)}")
    if not isinstance(pointer, str):
        raise fault(index, op, "", "path is missing or no string")
    if op in _WITH_VALUE and "value" not in given:
        raise fault(index, op, pointer, "value is missing")
    try:
        path = parse_pointer(pointer)
        source = _source(given.get("from")) if op in _WITH_SOURCE else ()
    except Refused as exc:
        raise fault(index, op, pointer, str(exc)) from None
    if op == "move" and len(source) < len(path) and path[: len(source)] == source:
        raise fault(index, op, pointer, "a value cannot be moved into itself")
    return Operation(index, op, pointer, path, source, given.get("value"))


def _source(given: object) -> Tokens:
    if not isinstance(given, str):
        raise Refused("from is missing or no string")
    return parse_pointer(given)


def parse_pointer(text: str) -> Tokens:
    """Reference tokens, unescaped. Raises Refused."""
    if not text:
        return ()
    if len(text) > MAX_POINTER:
        raise Refused(f"the pointer has {len(text)} characters; the limit is {MAX_POINTER}")
    if text[0] != "/":
        raise Refused(f"the pointer {shown(text)} does not start with /")
    if "~" not in text:
        return tuple(text[1:].split("/"))
    if _BAD_ESCAPE.search(text):
        raise Refused(f"the pointer {shown(text)} has a ~ that is neither ~0 nor ~1")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def format_pointer(tokens: Tokens) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in tokens)


def size_bytes(value: object) -> int:
    """Bytes of the value as compact JSON. Raises Refused if it has no JSON form."""
    try:
        return len(_encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
        raise Refused(f"the value has no JSON form: {exc}") from exc


def shown(value: object) -> str:
    """A JSON value for a message: compact and cut off."""
    try:
        text = _encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
