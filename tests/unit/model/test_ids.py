from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minuet.model.ids import RANDOM_BITS, is_run_id, run_id, ulid

NOW = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**RANDOM_BITS - 1)


@given(st.integers(0, 4095), NOW, RANDOM)
def test_made_ids_are_run_ids(p: int, now_ms: int, random: int) -> None:
    made = run_id(p, now_ms, random)
    assert is_run_id(made)
    assert made.split("-")[0] == str(p)
    assert len(made.split("-")[1]) == 26


@given(NOW, NOW, RANDOM, RANDOM)
def test_later_ids_sort_later(first: int, second: int, a: int, b: int) -> None:
    if first < second:
        assert ulid(first, a) < ulid(second, b)


def test_a_known_ulid() -> None:
    assert ulid(1469918176385, 0) == "01aryz6s410000000000000000"


def test_other_text_is_no_run_id() -> None:
    for text in ("", "nope", "01-01aryz6s410000000000000000", "1-01ARYZ6S410000000000000000",
                 "1-81aryz6s410000000000000000", "1-01aryz6s41000000000000000\n"):  # fmt: skip
        assert not is_run_id(text)
