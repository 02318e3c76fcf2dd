"""Strict JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.model.errors import InvalidInput, TooLarge
from minuet.model.json import is_too_deep, parse_json

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(values)
def test_what_json_can_say_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=40) | st.text('[]{}":,0123456789eE.-+ntu\\', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = parse_json(data)
    except InvalidInput:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    ("data", "pointer", "message"),
    [
        (b"", "", "not valid JSON"),
        (b"{", "", "not valid JSON"),
        (b"NaN", "", "not valid JSON"),
        (b"[Infinity]", "", "not valid JSON"),
        (b"[1e999]", "", "not valid JSON"),
        (b'"\\ud800"', "", "surrogate"),
        (b"\xff", "", "UTF-8"),
        (b"\xef\xbb\xbf1", "", "byte order mark"),
        (b'{"a":1,"a":2}', "/a", "the key 'a' stands twice"),
        (b'{"x":[0,{"a/b":1,"a/b":2}]}', "/x/1/a~1b", "stands twice"),
        (b'{"a":{"b":1,"b":1},"c":{"c":1,"c":1}}', "/a/b", "stands twice"),
        (b'{"n":[18446744073709551616]}', "/n/0", "beyond 64 bits"),
        (b"[" * 65 + b"]" * 65, "/0" * 64, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "/a" * 64, "deeper than 64"),
        (b"[" * 1000 + b"]" * 1000, "/0" * 64, "deeper than 64"),
        (b"[" * 100_000, "", "deeper than 64"),
    ],
)
def test_faults_are_named(data: bytes, pointer: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(data)
    assert caught.value.pointer == pointer
    assert message in str(caught.value)


def test_limits_are_exact() -> None:
    assert parse_json(b"[" * 64 + b"]" * 64)
    assert parse_json(b"[]", max_bytes=2) == []
    with pytest.raises(TooLarge, match="has 2 bytes; the limit is 1"):
        parse_json(b"[]", max_bytes=1)
    assert is_too_deep([[]], 1)
    assert not is_too_deep([[]], 2)
    assert not is_too_deep(1, 0)
