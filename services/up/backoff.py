"""How long to wait before a dead process is started again."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 0.1
FACTOR = 2.0
LIMIT_S = 10.0
RAN_WELL_S = 10.0


@dataclass(slots=True)
class Backoff:
    """Doubles from death to death, and starts anew once a process ran for `RAN_WELL_S`."""

    next_s: float = FIRST_S

    def after_death(self, ran_s: float) -> float:
        """Seconds to wait now, for a process that lived `ran_s`."""
        delay_s = FIRST_S if ran_s >= RAN_WELL_S else self.next_s
        self.next_s = min(delay_s * FACTOR, LIMIT_S)
        return delay_s
