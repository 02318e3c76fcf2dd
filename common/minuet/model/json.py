"""JSON from outside, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

import orjson

from .errors import InvalidInput, TooLarge

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_DEPTH: Final = 64
_INTEGERS: Final = range(-(2**63), 2**64)


def parse_json(
    data: bytes | bytearray | memoryview, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> Any:
    """The JSON value in `data` (UTF-8, no byte order mark). About 60 ns a byte.

    Raises TooLarge above `max_bytes`. Raises InvalidInput for malformed text, NaN and infinities
    (1e999 too), repeated keys, lone surrogates, integers beyond 64 bits and containers nested
    deeper than `max_depth`; with a pointer where the place is known.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"the JSON has {len(data)} bytes; the limit is {max_bytes}", pointer="")
    try:
        loose = orjson.loads(data)  # refuses all but the last four; at most 1,024 levels
    except orjson.JSONDecodeError as exc:
        raise _malformed(exc, max_depth) from exc
    if is_too_deep(loose, max_depth):
        raise InvalidInput(
            f"nested deeper than {max_depth} levels", pointer=_deep_pointer(loose, max_depth)
        )
    return _Reader().read(bytes(data).decode())


def is_too_deep(value: object, limit: int) -> bool:
    """Whether containers nest deeper than `limit`. Does not recurse. O(size)."""
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        layer = [
            child
            for each in layer
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not layer:
            return False
    return bool(layer)


class _Doubled(dict[str, Any]):
    """An object in which `key` stands twice."""

    def __init__(self, pairs: list[tuple[str, Any]], key: str) -> None:
        super().__init__(pairs)
        self.key = key


class _OutOfRange(float):
    """A number that has no exact or finite form here."""


class _Reader:
    """Second pass: the parser's hooks mark what is wrong, a walk then finds where it stands."""

    def __init__(self) -> None:
        self._is_faulty = False

    def read(self, text: str) -> Any:
        value = json.loads(
            text, object_pairs_hook=self._object, parse_int=self._int, parse_float=self._float
        )
        if self._is_faulty:
            raise _first_fault(value)
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        self._is_faulty = True
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return _Doubled(pairs, key)

    def _int(self, text: str) -> int | float:
        if len(text) <= 20 and int(text) in _INTEGERS:
            return int(text)
        self._is_faulty = True
        return _OutOfRange("inf")

    def _float(self, text: str) -> float:
        value = float(text)
        if math.isfinite(value):
            return value
        self._is_faulty = True
        return _OutOfRange("inf")


def _first_fault(value: Any) -> InvalidInput:
    for at, each in _walk(value):
        if isinstance(each, _Doubled):
            return InvalidInput(
                f"the key {_short(each.key)} stands twice", pointer=f"{at}/{_escaped(each.key)}"
            )
        if isinstance(each, _OutOfRange):
            return InvalidInput("the number is beyond 64 bits: send it as a string", pointer=at)
    raise AssertionError("a fault was marked but is nowhere")


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """(pointer, value) of everything, parents first, in order. Depth is bounded by the caller."""
    todo = [("", value)]
    while todo:
        at, each = todo.pop()
        yield at, each
        if isinstance(each, dict):
            todo.extend((f"{at}/{_escaped(key)}", child) for key, child in reversed(each.items()))
        elif isinstance(each, list):
            todo.extend((f"{at}/{i}", each[i]) for i in range(len(each) - 1, -1, -1))


def _deep_pointer(value: Any, limit: int) -> str:
    """Pointer of the first container below `limit` levels."""
    for at, each in _walk(value):
        if isinstance(each, dict | list) and at.count("/") >= limit:
            return at
    raise AssertionError("nothing is that deep")


def _malformed(exc: orjson.JSONDecodeError, max_depth: int) -> InvalidInput:
    if "depth limit" in exc.msg:
        return InvalidInput(f"nested deeper than {max_depth} levels", pointer="")
    return InvalidInput(f"not valid JSON: {exc}", pointer="")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _short(key: str) -> str:
    return repr(key if len(key) <= 60 else key[:60] + "...")
