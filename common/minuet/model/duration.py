"""Durations as people write them: "250ms", "30s", "1m30s", "48h", "2d"."""

from __future__ import annotations

import re

from .errors import InvalidInput

_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_SHAPE = re.compile(r"(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?(?:\d{1,9}ms)?", re.ASCII)
_PART = re.compile(r"(\d+)(ms|[dhms])", re.ASCII)

MAX_DURATION_MS = 3660 * _UNIT_MS["d"]  # ten years: sums with the clock stay exact in a double


def duration_ms(text: str) -> int:
    """Whole numbers with the units d, h, m, s, ms, each at most once and from large to small.

    Raises InvalidInput on anything else ("", "5", "1.5h", "1s1h", " 1s") and above ten years.
    """
    if not text or not _SHAPE.fullmatch(text):
        raise InvalidInput(
            f"{text[:40]!r} is no duration: write whole numbers with units from large to small, "
            'such as "250ms", "30s", "1m30s" or "48h"'
        )
    total = sum(int(number) * _UNIT_MS[unit] for number, unit in _PART.findall(text))
    if total > MAX_DURATION_MS:
        raise InvalidInput(f"{text!r} is longer than ten years")
    return total


def format_duration(ms: int) -> str:
    """The shortest text that `duration_ms` reads back as `ms`; "0s" for 0.

    Raises ValueError if `ms` is negative.
    """
    if ms < 0:
        raise ValueError("a duration is not negative")
    parts = []
    for unit, size in _UNIT_MS.items():
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
