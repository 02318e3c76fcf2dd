"""Request bodies: bounded, parsed strictly, converted to the struct that an operation takes."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request

from minuet.model.errors import InvalidInput, TooLarge
from minuet.model.json import MAX_DEPTH, parse_json

from .errors import InvalidBody, MalformedBody, UnsupportedMediaType

T = TypeVar("T")

ENVELOPE_BYTES: Final = 64 * 1024
ENVELOPE_DEPTH: Final = 2
_PLACE: Final = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_SEGMENT: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


async def read_bytes(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The body. Raises TooLarge past `limit` plus room for the envelope around a document.

    What comes after the limit is not kept, but read up to four times the limit, so that a client
    which is still sending gets the answer instead of a reset connection.
    """
    most = limit + ENVELOPE_BYTES
    chunks: list[bytes] = []
    size = 0
    while True:
        event: Any = await request.receive()
        if event["type"] == "http.disconnect":
            raise MalformedBody("the connection ended within the body")
        size += len(event["body"])
        if size <= most:
            chunks.append(event["body"])
        if not event.get("more_body", False) or size > 4 * most:
            break
    if size > most:
        raise TooLarge(f"the body has more than {most} bytes", pointer="")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def read_body(request: Request[Any, Any, Any], shape: type[T], *, limit: int) -> T:
    """The JSON body as `shape`. Raises MalformedBody, InvalidBody, TooLarge."""
    data = await read_bytes(request, limit)
    check_media_type(request, "application/json")
    return convert(parse_strictly(data), shape)


def parse_strictly(data: bytes) -> Any:
    """The JSON value. Its size was bounded when it was read. Raises MalformedBody."""
    try:
        return parse_json(data, max_bytes=len(data), max_depth=MAX_DEPTH + ENVELOPE_DEPTH)
    except TooLarge:
        raise
    except InvalidInput as error:
        raise MalformedBody(str(error), pointer=error.pointer) from error


def convert(value: Any, shape: type[T]) -> T:
    """`value` as `shape`, without coercion. Raises InvalidBody that points at the field."""
    try:
        return msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as error:
        match = _PLACE.match(str(error))
        assert match is not None
        pointer = pointer_of(match["path"] or "$")
        if (unknown := _UNKNOWN.fullmatch(match["message"])) is not None:
            pointer += f"/{_escaped(unknown[1])}"
        raise InvalidBody(match["message"], pointer=pointer) from error


def pointer_of(path: str) -> str:
    """JSON Pointer of msgspec's `$.a[0].b`; stops at a place that msgspec does not name."""
    segments = []
    for match in _SEGMENT.finditer(path):
        name = match[1] if match[1] is not None else match[2]
        if name is None:
            break
        segments.append(_escaped(name))
    return "".join(f"/{segment}" for segment in segments)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def check_media_type(request: Request[Any, Any, Any], *allowed: str) -> str:
    """The body's media type; a missing one counts as the first allowed."""
    given = request.headers.get("content-type", allowed[0]).split(";", 1)[0].strip().lower()
    if given not in allowed:
        raise UnsupportedMediaType(
            f"{given or 'an empty type'} is not taken here; send {' or '.join(allowed)}",
            pointer="Content-Type:",
        )
    return given
