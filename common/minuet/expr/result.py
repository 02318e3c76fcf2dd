"""From the library's values to JSON values."""

from __future__ import annotations

import base64
import datetime
import math
from typing import Any

MAX_DEPTH = 64
MAX_NODES = 1_000_000
MAX_TEXT = 64 * 1024 * 1024


class NotRepresentable(ValueError):
    """The result has no JSON form, or is too large; the message says which."""


class ResultReader:
    """Converts one result, counting values and text so that shared parts cannot explode."""

    __slots__ = ("_nodes", "_text")

    def __init__(self) -> None:
        self._nodes = MAX_NODES
        self._text = MAX_TEXT

    def read(self, value: Any, depth: int = 0) -> Any:
        """`value` is a library Value. Raises NotRepresentable."""
        self._nodes -= 1
        if depth > MAX_DEPTH:
            raise NotRepresentable(f"the result is nested deeper than {MAX_DEPTH}")
        if self._nodes < 0:
            raise NotRepresentable(f"the result has more than {MAX_NODES} values")
        kind = value.type().name()
        if kind.startswith("LIST"):
            return [self.read(item, depth + 1) for item in value.value()]
        if kind.startswith("MAP"):
            return self._read_map(value.value(), depth)
        return self._read_scalar(kind, value)

    def _read_map(self, items: dict[Any, Any], depth: int) -> dict[str, Any]:
        """Sorted by key: the library's own order differs from process to process."""
        for key in items:
            if not isinstance(key, str):
                raise NotRepresentable(f"a JSON object needs string keys, not {key!r}")
        return {key: self.read(items[key], depth + 1) for key in sorted(items)}

    def _read_scalar(self, kind: str, value: Any) -> Any:
        plain = value.value()
        if plain is None or isinstance(plain, (bool, int)):
            return plain
        if isinstance(plain, float):
            if not math.isfinite(plain):
                raise NotRepresentable("the result is not a finite number")
            return plain
        if isinstance(plain, str):
            self._text -= len(plain)
            if self._text < 0:
                raise NotRepresentable("the result holds too much text")
            return plain
        return _read_special(kind, plain)


def _read_special(kind: str, plain: Any) -> str:
    if isinstance(plain, (bytes, bytearray)):
        return base64.b64encode(plain).decode("ascii")
    if isinstance(plain, datetime.datetime):
        return plain.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(plain, datetime.timedelta):
        return _duration(plain)
    raise NotRepresentable(f"a value of type {kind.lower()} has no JSON form")


def _duration(span: datetime.timedelta) -> str:
    micros = span // datetime.timedelta(microseconds=1)
    seconds, fraction = divmod(abs(micros), 1_000_000)
    text = f"{seconds}.{fraction:06d}".rstrip("0").rstrip(".")
    return f"{'-' if micros < 0 else ''}{text}s"
