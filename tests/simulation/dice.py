"""What befalls one call on its way: drawn from the seed, call by call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple


class Fate(NamedTuple):
    """`lost` says where: "" (nowhere), "call" (before its effect), "reply" (after it)."""

    lost: str = ""
    twice: bool = False
    call_s: float = 0.0
    reply_s: float = 0.0


PLAIN = Fate()


@dataclass(slots=True)
class Dice:
    """Probabilities of one schedule; `calm` turns all of them off. `counts` says what happened."""

    random: Random
    lose: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    longest_s: float = 0.0
    calm: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def fate(self) -> Fate:
        if self.calm:
            return PLAIN
        draw = self.random.random()
        if draw < self.lose:
            lost = "call" if draw * 2 < self.lose else "reply"
            self.counts["calls lost" if lost == "call" else "replies lost"] += 1
            return Fate(lost=lost, call_s=self._latency())
        if draw < self.lose + self.repeat:
            self.counts["calls repeated"] += 1
            return Fate(twice=True, call_s=self._latency(), reply_s=self._latency())
        if self.delay and draw < self.lose + self.repeat + self.delay:
            self.counts["calls delayed"] += 1
            return Fate(call_s=self._latency(), reply_s=self._latency())
        return PLAIN

    def _latency(self) -> float:
        """Mostly short, now and then long."""
        return self.longest_s * self.random.random() ** 4
