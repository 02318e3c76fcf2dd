"""How many tokens of one run may be out while other runs go on beside it.

Streams are first in, first out: what a wide run has put there, every other run waits behind. So
its further nodes stay armed while as many of its tokens are out as keep the workers busy; each
completion lets it go on. A run that is alone is not held, nor is one whose tasks take long: there,
nothing is gained by waiting, and nodes of another type would wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNBOUND: Final = 1 << 30
LARGE: Final = 500
"""Runs of fewer nodes are never held: what they put in line is soon done."""
BESIDE_MS: Final = 5_000
"""A run counts as going on this long after its last signal."""
STILL_MS: Final = 1_000
"""A held run without a signal for so long is let go: its tasks are slow."""
BACKLOG_MS: Final = 5
"""What one run may keep in line, by the pace at which tasks were done lately."""
PACE_MS: Final = 200
DEFAULT_PRIORITY: Final = 5


class Fairness:
    """For all partitions of one coordinator; `slots` maps node types to the slots of all workers.
    What it knows is in memory alone: a new owner learns it anew."""

    def __init__(self, slots: Mapping[str, float]) -> None:
        self.held: dict[str, int] = {}
        self._slots = slots
        self._run = self._other = ""  # the last two, and when their last signals were routed
        self._run_at = self._other_at = -BESIDE_MS
        self._done = 0
        self._since = 0
        self._per_ms = 0.0

    def note(self, run: str, now: int) -> None:
        """A signal of the run is about to be routed."""
        if run != self._run:
            self._other, self._other_at = self._run, self._run_at
            self._run = run
        self._run_at = now

    def count(self, done: int, now: int) -> None:
        """So many tasks of large runs were done."""
        if now - self._since >= PACE_MS:
            self._per_ms = self._done / max(PACE_MS, now - self._since)
            self._done, self._since = 0, now
        self._done += done

    def bound(self, run: str, type_: str | None, now: int, priority: int = DEFAULT_PRIORITY) -> int:
        """How many tokens of the run, noted last, may be out; `type_` is that of its next armed
        node. Runs share the workers by their priorities: what is out is what is served."""
        if now - self._other_at >= BESIDE_MS:
            return UNBOUND
        if now - self.held.get(run, now) >= STILL_MS or not self._slots:
            return UNBOUND
        slots = self._slots.get(type_ or "", 0.0) or max(self._slots.values())
        most = max(2 * slots, self._per_ms * BACKLOG_MS)
        return max(1, int(most * priority / DEFAULT_PRIORITY))

    def hold(self, run: str, held: bool, now: int) -> None:
        """Whether the run was left with armed nodes because of its bound."""
        if held:
            self.held[run] = now
        else:
            self.held.pop(run, None)

    def still(self, now: int) -> list[str]:
        """Held runs of which nothing was heard for a while."""
        return [run for run, at in self.held.items() if now - at >= STILL_MS]
