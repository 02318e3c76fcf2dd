"""Names as parts of an address."""

from __future__ import annotations

from urllib.parse import quote

from minuet.model.errors import InvalidInput


def segment(name: str) -> str:
    """`name` as one segment of a path. Raises InvalidInput where it cannot be one."""
    if name in ("", ".", ".."):
        raise InvalidInput(f"{name!r} is not a name")
    return quote(name, safe="")
