"""Paths: the parts of a context that an expression reads, and how they travel."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

Path = tuple[str, ...]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Missing(Enum):
    MISSING = "MISSING"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing.MISSING
"""Stands for a value that is absent, which null is not."""


def format_path(path: Path) -> str:
    """The canonical text: `nodes.enrich.output["content-type"]`; "" for the empty path."""
    parts: list[str] = []
    for segment in path:
        if _IDENTIFIER.fullmatch(segment):
            parts.append(f".{segment}" if parts else segment)
        else:
            parts.append(f"[{json.dumps(segment, ensure_ascii=False)}]")
    return "".join(parts)


def parse_path(text: str) -> Path:
    """The inverse of `format_path`. Raises ValueError for any other text."""
    segments: list[str] = []
    position = 0
    while position < len(text):
        segment, position = _next_segment(text, position)
        segments.append(segment)
    return tuple(segments)


def _next_segment(text: str, position: int) -> tuple[str, int]:
    if text[position] == "[":
        return _quoted_segment(text, position)
    if position:
        if text[position] != ".":
            raise ValueError(f"not a path: {text!r} at {position}")
        position += 1
    match = _IDENTIFIER.match(text, position)
    if match is None:
        raise ValueError(f"not a path: {text!r} at {position}")
    return match.group(), match.end()


def _quoted_segment(text: str, position: int) -> tuple[str, int]:
    if not text.startswith('"', position + 1):
        raise ValueError(f"not a path: {text!r} at {position}")
    segment, end = json.JSONDecoder().raw_decode(text, position + 1)
    if not text.startswith("]", end):
        raise ValueError(f"not a path: {text!r} at {end}")
    return str(segment), end + 1


def extract(value: Any, path_tail: Path) -> Any:
    """What stands at `path_tail` inside `value`, by reference, or MISSING.

    Only objects are entered; a list, a string or null on the way means MISSING.
    """
    for segment in path_tail:
        if not isinstance(value, Mapping) or segment not in value:
            return MISSING
        value = value[segment]
    return value


def build_context(values: Mapping[Path, Any]) -> dict[str, Any]:
    """Nest `values` by path; the values themselves are shared, never written to.

    A MISSING value leaves the objects above it in place, so that `has()` answers false instead of
    failing. Where one path extends another, the shorter one, which holds the whole, wins.
    """
    context: dict[str, Any] = {}
    whole: set[Path] = set()
    for path in sorted(values, key=len):
        if not path:
            raise ValueError("the empty path cannot be nested")
        if whole and any(path[:size] in whole for size in range(1, len(path))):
            continue
        parent = context
        for segment in path[:-1]:
            parent = parent.setdefault(segment, {})
        value = values[path]
        if value is not MISSING:
            parent[path[-1]] = value
            whole.add(path)
    return context


def minimal(paths: frozenset[Path]) -> tuple[Path, ...]:
    """`paths` sorted, without those that extend another one."""
    return tuple(
        path
        for path in sorted(paths)
        if not any(path[:size] in paths for size in range(1, len(path)))
    )
