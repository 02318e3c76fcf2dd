"""One run, from its start until nothing is left to do: `advance` on a virtual clock."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any

from minuet.ir.advance import NO_PLANS, advance
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Fired, RunInput, Transition
from minuet.model.event import Event
from minuet.model.signal import Command, Continue, Start
from minuet.model.status import ERROR
from minuet.model.timer import Timer
from minuet.model.token import Outcome, TaskToken
from minuet.worker.outcome import cancelled as cancelled_failure

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
        """From the start until nothing is left to do. Raises FakeError and AssertionError, see
        `Caller.call`; so do `begin`, `step` and `command`."""
        self.begin()
        while self.step():
            pass

    def begin(self) -> None:
        """Once, before all else."""
        self._apply(self.start)

    def step(self, until_ms: int | None = None) -> bool:
        """Let the next thing happen; the clock jumps there. False if nothing is left to do, or
        nothing that is due by `until_ms`."""
        if (given := self._next(until_ms)) is None:
            return False
        self._apply(given)
        return True

    def command(
        self, name: Any, data: dict[str, Any], by: str, plans: Mapping[str, Plan] = NO_PLANS
    ) -> list[Event]:
        """Give the run its next command, now; the events that follow at once."""
        command = Command(self.start.run, self.state.cmd + 1, name, data=data, principal=by)
        before = len(self.history)
        self._apply(command, plans)
        return [event for _, event in self.history[before:]]

    def _apply(self, given: RunInput, plans: Mapping[str, Plan] = NO_PLANS) -> None:
        self._take(advance(self.state, [given], self._clock.now_ms(), plans=plans))

    def _take(self, transition: Transition) -> None:
        now = self._clock.now_ms()
        self.history.extend((now, event) for event in transition.events)
        for member in transition.timers_del:
            self._timers.pop(member, None)
        self._timers.update(transition.timers_add)
        self._let_go({*transition.cancelled}, now)
        for token in transition.tokens:
            call = self._caller.call(token.data)
            self._made.append(call)
            heapq.heappush(self._calls, (now + call.takes_ms, len(self._made), call))
        self._more = transition.more

    def _let_go(self, cancelled: set[str], now: int) -> None:
        """Workers give up at once what the run does not want any more."""
        for number, (_, order, call) in enumerate(self._calls):
            if str(call.token.id) in cancelled:
                call.outcome = Outcome(port=ERROR, failure=cancelled_failure())
                self._calls[number] = (now, order, call)
        heapq.heapify(self._calls)

    def _next(self, until_ms: int | None) -> RunInput | None:
        """A call that ends at the very instant of a timer comes first."""
        if self.state.status.ended:
            return None
        if self._more:
            return Continue(self.start.run)
        call_due = self._calls[0][0] if self._calls else None
        member = min(self._timers, key=lambda each: (self._timers[each], each), default=None)
        timer_due = self._timers[member] if member is not None else None
        due = min((each for each in (call_due, timer_due) if each is not None), default=None)
        if due is None or (until_ms is not None and due > until_ms):
            return None
        self._clock.jump_to(due)
        if due == call_due:
            token, outcome = self._ended_call()
            return Completion(token.node, token.gen, token.attempt, outcome)
        assert member is not None
        del self._timers[member]
        return Fired(Timer.parse(member))

    def _ended_call(self) -> tuple[TaskToken, Outcome]:
        _, _, call = heapq.heappop(self._calls)
        return call.token, call.outcome

    def result(self) -> Run:
        return read_run(self.state, self.history, self._made, self._caller)
