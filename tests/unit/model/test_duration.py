"""Durations as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.model.duration import MAX_DURATION_MS, duration_ms, format_duration
from minuet.model.errors import InvalidInput
from minuet.schemas import load


@given(st.integers(0, MAX_DURATION_MS))
def test_format_and_read_are_inverse(ms: int) -> None:
    assert duration_ms(format_duration(ms)) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [("250ms", 250), ("1s", 1000), ("1m30s", 90_000), ("48h", 172_800_000), ("1h30m", 5_400_000),
     ("2d", 172_800_000), ("0s", 0), ("1d1h1m1s1ms", 90_061_001)],
)  # fmt: skip
def test_durations_are_read(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize(
    "text", ["", "5", "1.5h", "1s1h", "1s1s", " 1s", "1s\n", "-1s", "1 s", "1S", "PT1H", "\u0661s"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no duration"):
        duration_ms(text)


def test_ten_years_are_the_limit() -> None:
    assert duration_ms("3660d") == MAX_DURATION_MS
    with pytest.raises(InvalidInput, match="ten years"):
        duration_ms("3660d1ms")


def test_negative_durations_have_no_form() -> None:
    with pytest.raises(ValueError, match="not negative"):
        format_duration(-1)


@given(st.from_regex(re.compile(r"(\d{1,3}(ms|[dhms]|x)){0,3}", re.ASCII), fullmatch=True))
def test_the_schemas_accept_the_same_texts(text: str) -> None:
    pattern = load("document")["$defs"]["duration"]["pattern"]
    assert load("node-types/wait")["config"]["properties"]["for"]["pattern"] == pattern
    if re.search(pattern, text, re.ASCII):
        assert duration_ms(text) <= MAX_DURATION_MS
    else:
        with pytest.raises(InvalidInput, match="is no duration"):
            duration_ms(text)
