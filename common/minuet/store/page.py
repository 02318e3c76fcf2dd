"""Pages of long lists: an opaque cursor says after which row the next page begins.

The order is newest first on (instant, id), which stays stable while rows are inserted.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from minuet.model.errors import InvalidInput

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
LARGEST = 2**53  # as microseconds the year 2255

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T]):
    """`next_cursor` is None on the last page."""

    items: list[T]
    next_cursor: str | None = None


class Position(NamedTuple):
    """The last row of the page before; instants keep their microseconds."""

    at: datetime
    id: str


def encode_cursor(*parts: str | int) -> str:
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[T], *, parameter: str = "cursor") -> T:
    """The parts that `encode_cursor` got. Raises InvalidInput on anything else, which points at the
    query's `parameter`."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = msgspec.json.decode(raw, type=shape)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as exc:
        raise _foreign(parameter) from exc
    if _is_made_up(parts):
        raise _foreign(parameter)
    return parts


def _foreign(parameter: str) -> InvalidInput:
    return InvalidInput("not a cursor of this list", pointer=f"?{parameter}")


def _is_made_up(parts: Any) -> bool:
    """What `encode_cursor` never gets, and Postgres could not compare with."""
    return any(
        not 0 <= part <= LARGEST if isinstance(part, int) else "\0" in part for part in parts
    )


def encode_position(position: Position) -> str:
    return encode_cursor((position.at - _EPOCH) // timedelta(microseconds=1), position.id)


def decode_position(cursor: str) -> Position:
    """Raises InvalidInput if `cursor` was not made by `encode_position`."""
    micros, id = decode_cursor(cursor, tuple[int, str])
    return Position(_EPOCH + timedelta(microseconds=micros), id)
