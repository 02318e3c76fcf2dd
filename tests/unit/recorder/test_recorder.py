"""How much the recorder reads at once."""

from __future__ import annotations

from minuet.services.recorder.recorder import FIRST_COUNT, LAST_COUNT, READ_BYTES, next_count


def test_small_entries_are_read_in_ever_larger_numbers() -> None:
    count = FIRST_COUNT
    for _ in range(10):
        count = next_count(count, size_bytes=1000)
    assert count == LAST_COUNT


def test_large_entries_are_read_one_by_one_in_the_end() -> None:
    count = LAST_COUNT
    for _ in range(10):
        count = next_count(count, size_bytes=READ_BYTES + 1)
    assert count == 1
    assert next_count(count, size_bytes=READ_BYTES) == 2
