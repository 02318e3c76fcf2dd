"""A run with all that its nodes start, until nothing is left to do: `advance` on a virtual clock.

Signals between the runs arrive at once and in order, before time moves.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from minuet.ir.advance import NO_PLANS, advance
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Fired, RunInput, Transition
from minuet.model.event import Event
from minuet.model.signal import Command, Continue, Start
from minuet.model.status import ERROR
from minuet.model.timer import Timer
from minuet.model.token import Outcome, TokenId
from minuet.worker.outcome import cancelled as cancelled_failure

from .caller import Call, Caller
from .clock import VirtualClock
from .due import Timers
from .library import Program
from .member import Member
from .reading import read_run
from .run import Run


class Simulation:
    """Used once. `runs` holds the run that was started, and its descendants once they start."""

    def __init__(self, program: Program, start: Start, caller: Caller, clock: VirtualClock) -> None:
        self.root = start.run
        self.runs = {start.run: Member.of(program.plan, start)}
        self.documents = program.documents
        self._plans = program.plans
        self._caller = caller
        self._clock = clock
        self._timers = Timers()
        self._calls: list[tuple[int, int, Call]] = []  # heap by (due, order of dispatch)
        self._dispatched = 0
        self._signals: deque[tuple[str, RunInput]] = deque()

    @property
    def state(self) -> RunState:
        return self.runs[self.root].state

    @property
    def history(self) -> list[tuple[int, Event]]:
        return self.runs[self.root].history

    def play(self) -> None:
        """From the start until nothing is left to do. Raises FakeError and AssertionError, see
        `Caller.call`; so do `begin`, `step` and `command`."""
        self.begin()
        while self.step():
            pass

    def begin(self) -> None:
        """Once, before all else."""
        self._apply(self.root, self.runs[self.root].start)

    def step(self, until_ms: int | None = None) -> bool:
        """Let the next thing happen; the clock jumps there. False if nothing is left to do, or
        nothing that is due by `until_ms`."""
        if (given := self._next(until_ms)) is None:
            return False
        self._apply(*given)
        return True

    def command(
        self, run: str, name: Any, data: dict[str, Any], by: str, program: Program | None = None
    ) -> list[Event]:
        """Give a run its next command, now, with all that follows in other runs at once; the
        events of the run itself. A patch leads to `program`."""
        if program is not None:
            self._plans.update(program.plans)
            self.documents.update(program.documents)
        member = self.runs[run]
        command = Command(run, member.state.cmd + 1, name, data=data, principal=by)
        before = len(member.history)
        self._apply(run, command, self._plans)
        events = [event for _, event in member.history[before:]]
        while self._signals:
            self._apply(*self._signals.popleft())
        return events

    def _apply(self, run: str, given: RunInput, plans: Mapping[str, Plan] = NO_PLANS) -> None:
        member, now = self.runs[run], self._clock.now_ms()
        blobs = self._caller.blobs
        member.state.blobs.update({name: blobs.data(name) for name in member.state.wanted})
        member.state.wanted.clear()
        made = advance(member.state, [given], now, plans=plans)
        member.history.extend((now, event) for event in made.events)
        for data in made.blobs.values():
            blobs.put(data)
        self._set_timers(made)
        self._let_go({*made.cancelled}, now)
        self._call(member, made, now)
        self._signal(member, made)

    def _set_timers(self, made: Transition) -> None:
        for name in made.timers_del:
            self._timers.drop(name)
        for name, due_at in made.timers_add.items():
            self._timers.add(name, due_at)

    def _call(self, member: Member, made: Transition, now: int) -> None:
        for token in made.tokens:
            call = self._caller.call(token.data)
            member.calls.append(call)
            self._dispatched += 1
            heapq.heappush(self._calls, (now + call.takes_ms, self._dispatched, call))

    def _let_go(self, cancelled: set[str], now: int) -> None:
        """Workers give up at once what the run does not want any more."""
        if not cancelled:
            return
        for number, (_, order, call) in enumerate(self._calls):
            if str(call.token.id) in cancelled:
                call.outcome = Outcome(port=ERROR, failure=cancelled_failure())
                self._calls[number] = (now, order, call)
        heapq.heapify(self._calls)

    def _signal(self, member: Member, made: Transition) -> None:
        self._start(member, made.starts)
        self._signals.extend((stop.run, stop) for stop in made.stops)
        self._signals.extend(_done(parent, outcome) for parent, outcome in made.done)
        if made.more:
            self._signals.append((made.run, Continue(made.run)))

    def _start(self, member: Member, starts: Iterable[Start]) -> None:
        for start in starts:
            self.runs[start.run] = Member.of(self._plans[start.ir], start)
            member.children.append(start)
            self._signals.append((start.run, start))

    def _next(self, until_ms: int | None) -> tuple[str, RunInput] | None:
        """Signals go first; a call that ends at the very instant of a timer comes before it."""
        if self._signals:
            return self._signals.popleft()
        while True:
            due = self._next_due()
            if due is None or (until_ms is not None and due > until_ms):
                return None
            run, given = self._take(due)
            if not self.runs[run].state.status.ended:
                self._clock.jump_to(due)
                return run, given

    def _next_due(self) -> int | None:
        instants = [call[0] for call in self._calls[:1]]
        instants += [timer[0] for timer in (self._timers.first(),) if timer is not None]
        return min(instants, default=None)

    def _take(self, due: int) -> tuple[str, RunInput]:
        if self._calls and self._calls[0][0] == due:
            call = heapq.heappop(self._calls)[2]
            return _done(str(call.token.id), call.outcome)
        first = self._timers.first()
        assert first is not None
        self._timers.drop(first[1])
        timer = Timer.parse(first[1])
        return timer.run, Fired(timer)

    def has_begun(self, run: str) -> bool:
        """Whether its start has arrived."""
        return self.runs[run].state.cmd >= 0

    def result(self, run: str | None = None) -> Run:
        """How a run stands, with all that it started; by default the first."""
        member = self.runs[run or self.root]
        if member.read is not None:
            return member.read
        children: dict[str, list[Run]] = {}
        for start in member.children:
            assert start.parent is not None
            children.setdefault(start.parent.node, []).append(self.result(start.run))
        read = read_run(member, children, self._caller)
        if member.state.status.ended and all(self.runs[each.run].read for each in member.children):
            member.read = read  # nothing of it will change any more
        return read


def _done(token: str, outcome: Outcome) -> tuple[str, RunInput]:
    run, node, gen, attempt = TokenId.parse(token)
    return run, Completion(node, gen, attempt, outcome)
