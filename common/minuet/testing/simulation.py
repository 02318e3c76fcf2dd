"""One run, from its start until nothing is left to do: `advance` on a virtual clock."""

from __future__ import annotations

import heapq

from minuet.ir.advance import advance
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Fired, RunInput, Transition
from minuet.model.event import Event
from minuet.model.signal import Continue, Start
from minuet.model.timer import Timer

from .caller import Call, Caller
from .clock import VirtualClock
from .reading import read_run
from .run import Run


class Simulation:
    """Used once. `state` and `history` are what the engine itself would keep."""

    def __init__(self, plan: Plan, start: Start, caller: Caller, clock: VirtualClock) -> None:
        self.plan = plan
        self.start = start
        self.state = RunState(plan, start)
        self.history: list[tuple[int, Event]] = []  # (virtual instant, event)
        self._caller = caller
        self._clock = clock
        self._timers: dict[str, int] = {}
        self._calls: list[tuple[int, int, Call]] = []  # heap by (due, order of dispatch)
        self._made: list[Call] = []
        self._more = False

    def play(self) -> None:
        """Raises FakeError and AssertionError, see `Caller.call`."""
        given: RunInput | None = self.start
        while given is not None:
            self._take(advance(self.state, [given], self._clock.now_ms()))
            given = self._next()

    def _take(self, transition: Transition) -> None:
        now = self._clock.now_ms()
        self.history.extend((now, event) for event in transition.events)
        for member in transition.timers_del:
            self._timers.pop(member, None)
        self._timers.update(transition.timers_add)
        for token in transition.tokens:
            call = self._caller.call(token.data)
            self._made.append(call)
            heapq.heappush(self._calls, (now + call.takes_ms, len(self._made), call))
        self._more = transition.more

    def _next(self) -> RunInput | None:
        """What happens next; the clock jumps there. A call that ends at the very instant of a
        timer comes first."""
        if self.state.status.ended:
            return None
        if self._more:
            return Continue(self.start.run)
        member = min(self._timers, key=lambda each: (self._timers[each], each), default=None)
        if self._calls and (member is None or self._calls[0][0] <= self._timers[member]):
            due, _, call = heapq.heappop(self._calls)
            self._clock.jump_to(due)
            token = call.token
            return Completion(token.node, token.gen, token.attempt, call.outcome)
        if member is None:
            return None
        self._clock.jump_to(self._timers.pop(member))
        return Fired(Timer.parse(member))

    def result(self) -> Run:
        return read_run(self.state, self.history, self._made, self._caller)
