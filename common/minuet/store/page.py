"""Pages of long lists: an opaque cursor says after which row the next page begins.

The order is newest first on (instant, id), which stays stable while rows are inserted.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

import msgspec

from minuet.model.errors import InvalidInput

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

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


def decode_cursor(cursor: str, shape: type[T]) -> T:
    """The parts that `encode_cursor` got. Raises InvalidInput on anything else."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=shape)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as exc:
        raise InvalidInput("not a cursor of this list", pointer="?cursor") from exc


def encode_position(position: Position) -> str:
    return encode_cursor((position.at - _EPOCH) // timedelta(microseconds=1), position.id)


def decode_position(cursor: str) -> Position:
    """Raises InvalidInput if `cursor` was not made by `encode_position`."""
    micros, id = decode_cursor(cursor, tuple[int, str])
    try:
        return Position(_EPOCH + timedelta(microseconds=micros), id)
    except OverflowError as exc:
        raise InvalidInput("not a cursor of this list", pointer="?cursor") from exc
