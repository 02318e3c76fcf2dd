"""One run of a family: a run, or one that a node of it started."""

from __future__ import annotations

from dataclasses import dataclass, field

from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.event import Event
from minuet.model.signal import Start

from .caller import Call
from .run import Run


@dataclass(slots=True, eq=False)
class Member:
    """`state` and `history` (by virtual instant) are what the engine itself would keep; `children`
    are runs that its nodes started, in that order. `read` is how it ended, once somebody looked."""

    start: Start
    state: RunState
    history: list[tuple[int, Event]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    children: list[Start] = field(default_factory=list)
    read: Run | None = None

    @classmethod
    def of(cls, plan: Plan, start: Start) -> Member:
        return cls(start, RunState(plan, start))
