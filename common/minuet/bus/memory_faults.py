"""Failures on demand: a call that fails before its effect, or after it (its reply is lost)."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from minuet.model.errors import BusUnavailable


@dataclass(frozen=True, slots=True)
class Fault:
    error: BaseException
    after_effect: bool


class Faults:
    """Planned failures by method name, first planned first served."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def plan(self, method: str, fault: Fault) -> None:
        self._planned[method].append(fault)

    def next(self, method: str) -> Fault | None:
        planned = self._planned.get(method)
        return planned.popleft() if planned else None

    def clear(self) -> None:
        self._planned.clear()


def unavailable() -> BusUnavailable:
    """The default error of a planned failure."""
    return BusUnavailable("planned failure")
