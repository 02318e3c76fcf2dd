from __future__ import annotations

import msgspec
import pytest

from minuet.services.orchestrator.bodies import convert, parse_strictly, pointer_of
from minuet.services.orchestrator.errors import InvalidBody, MalformedBody


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str] = []
    number: int = 0


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("$", ""),
        ("$.a", "/a"),
        ("$.a[2].b", "/a/2/b"),
        ("$.labels[...]", "/labels"),
        ("$.labels[...].x", "/labels"),
        ("$.a/b", "/a~1b"),
    ],
)
def test_places_become_pointers(path: str, pointer: str) -> None:
    assert pointer_of(path) == pointer


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"names": ["a", 1]}, "/names/1"),
        ({"number": "7"}, "/number"),
        ([], ""),
        ({"x/y": 1}, "/x~1y"),
    ],
)
def test_another_shape_is_refused_with_its_place(value: object, pointer: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        convert(value, Shape)
    assert caught.value.pointer == pointer


def test_nothing_is_coerced() -> None:
    with pytest.raises(InvalidBody):
        convert({"number": True}, Shape)
    assert convert({"number": 7}, Shape).number == 7


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b'{"a":1,"a":2}', b"[" * 200 + b"]" * 200])
def test_malformed_text_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_strictly(text)
