"""How answers are described in OpenAPI and rendered where Litestar's way costs too much."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec

from .problems import MEDIA_TYPE, Problem

T = TypeVar("T", bound=msgspec.Struct)

_MEANINGS: Final = {
    400: "The request is not valid",
    401: "The API key is missing or wrong",
    403: "You may not do this",
    404: "It does not exist",
    409: "It is in another state",
    412: "It was changed meanwhile",
    413: "Too large",
    415: "This content type is not taken",
    422: "The content is refused; `errors` points at the fields",
    428: "If-Match is required",
    503: "Try again later",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem documents that an operation may answer with; 400 always is among them."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=_MEANINGS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in (400, *statuses)
    }


def answers(**shapes: type[msgspec.Struct]) -> dict[int, ResponseSpec]:
    """Further answers of 2xx: `answers(s200=RunView)`."""
    return {
        int(name[1:]): ResponseSpec(data_container=shape, generate_examples=False, description="")
        for name, shape in shapes.items()
    }


def render(body: T, status: int, headers: dict[str, str] | None = None) -> Response[T]:
    """`body` as JSON, encoded here: Litestar's own way goes through type encoders."""
    encoded: Any = msgspec.json.encode(body)
    return Response(encoded, status_code=status, media_type="application/json", headers=headers)
