"""Time that only moves when nothing else is left to do."""

from __future__ import annotations


class VirtualClock:
    """Starts at `now_ms` (ms since the epoch)."""

    def __init__(self, now_ms: int) -> None:
        self.started_ms = now_ms
        self._now_ms = now_ms

    def monotonic(self) -> float:
        return (self._now_ms - self.started_ms) / 1000

    def now_ms(self) -> int:
        return self._now_ms

    def jump_to(self, instant_ms: int) -> None:
        """Never goes back: an instant in the past is now."""
        self._now_ms = max(self._now_ms, instant_ms)
