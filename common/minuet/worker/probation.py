"""Tokens that several workers died with, kept apart from each other.

A node that kills its worker takes with it what runs beside it, and all of that comes back at once.
Held together each time, the innocent would reach `max_deliveries` with the guilty. From its third
delivery on a token is a suspect, and suspects are let in one by one: what a killer has beside it
then is new, and has deliveries to spare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

SUSPECT_FROM: Final = 3
ALONE_FROM: Final = 4
"""From here on no other suspect runs beside it, however long it takes."""

Key: TypeAlias = tuple[int, str, str]


class Probation:
    """The suspects of one worker. `span_s`: a suspect that has run for so long does not keep the
    next one out, or hosts that come and go would serve their long tasks one at a time."""

    def __init__(self, monotonic: Callable[[], float], span_s: float) -> None:
        self._monotonic = monotonic
        self._span_s = span_s
        self._running: dict[Key, tuple[int, float]] = {}

    def admits(self, deliveries: int) -> bool:
        """Whether a token of so many deliveries, this one included, may start beside the others."""
        if deliveries < SUSPECT_FROM:
            return True
        if deliveries >= ALONE_FROM:
            return not self._running
        now = self._monotonic()
        return all(
            others < ALONE_FROM and now - since >= self._span_s
            for others, since in self._running.values()
        )

    def begin(self, key: Key, deliveries: int) -> bool:
        """Note that the page starts; whether it is a suspect."""
        if deliveries < SUSPECT_FROM:
            return False
        self._running[key] = (deliveries, self._monotonic())
        return True

    def end(self, key: Key) -> None:
        """The page runs no more; harmless for those that are no suspects."""
        self._running.pop(key, None)
