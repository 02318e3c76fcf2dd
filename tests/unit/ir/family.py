"""A run with all its descendants in memory: signals between them as the owner would send them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from minuet.ir.advance import advance
from minuet.ir.checks_children import KnownWorkflow, Reference
from minuet.ir.compile import compile_document
from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Fired, Limits, RunInput, Transition
from minuet.model.canonical import digest
from minuet.model.event import Event
from minuet.model.ir import Ir, IrChild
from minuet.model.node_type import NodeType
from minuet.model.signal import Continue, Start
from minuet.model.timer import Timer
from minuet.model.token import Failure, Outcome, TaskToken, TokenId

Answer = Callable[[TaskToken], Outcome | None]
ROOT = "3-01kb9f3r1s8v6c2m4x7q0w5t9z"
TYPES = {"task": NodeType("task", effect="pure")}
CANCELLED = Failure("cancelled", "not wanted", retryable=False)


class Family:
    """`answer` says how a task token ends; None leaves it out. Nothing happens between `play`s."""

    def __init__(self, answer: Answer, limits: Limits | None = None) -> None:
        self.answer = answer
        self.limits = limits or Limits()
        self.plans: dict[str, Plan] = {}
        self.known: dict[Reference, KnownWorkflow] = {}
        self.runs: dict[str, RunState] = {}
        self.starts: dict[str, Start] = {}
        self.events: dict[str, list[Event]] = {}
        self.timers: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.left: list[TaskToken] = []
        self.queue: deque[tuple[str, RunInput]] = deque()
        self.now = 0
        self.live: set[str] = set()
        self.most_alive = 0

    def save(self, document: dict[str, Any]) -> str:
        """Store a workflow for others to name; its IR digest."""
        document = {"apiVersion": "minuet/v1", **document}
        compiled = compile_document(document, TYPES, self.known)
        assert compiled.valid, compiled.diagnostics
        for body in compiled.bodies:
            self._add(body.ir)
        text = compiled.ir_json()
        child = IrChild(self._add(text), digest(text), document["name"], latest=True)
        self.known[Reference(document["name"])] = KnownWorkflow(child, compiled.require().depth)
        return child.ir

    def _add(self, text: bytes) -> str:
        name = digest(text)
        self.plans[name] = Plan(msgspec.json.decode(text, type=Ir), name)
        return name

    def start(self, ir: str, inputs: Any = None) -> RunState:
        text = msgspec.json.encode(inputs or {})
        start = Start(ROOT, "t", ir, "root", accepted_at=0, inputs=msgspec.Raw(text))
        self.give(ROOT, start)
        self.play()
        return self.runs[ROOT]

    def give(self, run: str, given: RunInput) -> None:
        self.queue.append((run, given))

    def play(self) -> None:
        """Until nothing is left to do at this instant."""
        while self.queue:
            run, given = self.queue.popleft()
            if isinstance(given, Start):
                if run in self.starts:
                    continue  # known already: the owner drops it
                self.starts[run] = given
                self.runs[run] = RunState(self.plans[given.ir], given)
            self._apply(self.runs[run], given)

    def _apply(self, state: RunState, given: RunInput) -> None:
        for name in state.wanted:
            state.blobs[name] = self.blobs.get(name)
        state.wanted.clear()
        made = advance(state, [given], self.now, self.limits)
        self.events.setdefault(state.run, []).extend(made.events)
        self.blobs.update(made.blobs)
        for member in made.timers_del:
            self.timers.pop(member, None)
        self.timers.update(made.timers_add)
        self._signal(made)
        self._work(made)
        if made.more:
            self.give(state.run, Continue(state.run))
        if state.status.ended:
            self.live.discard(state.run)
        else:
            self.live.add(state.run)
        self.most_alive = max(self.most_alive, len(self.live))

    def _signal(self, made: Transition) -> None:
        for start in made.starts:
            self.give(start.run, start)
        for stop in made.stops:
            self.give(stop.run, stop)
        for parent, outcome in made.done:
            self._done(parent, outcome)

    def _work(self, made: Transition) -> None:
        for cancelled in made.cancelled:
            self.left = [each for each in self.left if str(each.id) != cancelled]
            self._done(cancelled, Outcome("error", failure=CANCELLED))
        for token in made.tokens:
            task = msgspec.json.decode(token.data, type=TaskToken)
            answer = self.answer(task)
            if answer is None:
                self.left.append(task)
            else:
                self._done(token.id, answer)

    def _done(self, token: str, outcome: Outcome) -> None:
        run, node, gen, attempt = TokenId.parse(token)
        self.give(run, Completion(node, gen, attempt, outcome))

    def pass_time(self, ms: int) -> None:
        self.now += ms
        due = sorted((at, member) for member, at in self.timers.items() if at <= self.now)
        for _, member in due:
            del self.timers[member]
            self.give(Timer.parse(member).run, Fired(Timer.parse(member)))
        self.play()

    def children(self) -> list[RunState]:
        return [state for run, state in self.runs.items() if run != ROOT]

    def check_history(self) -> None:
        """Folding the history of each run gives its state."""
        for run, state in self.runs.items():
            wire = msgspec.json.decode(msgspec.json.encode(self.events[run]), type=list[Event])
            folded = fold(self.plans[self.starts[run].ir], self.starts[run], wire)
            assert folded.records() == state.records()
            assert folded.rest == state.rest
            assert folded.timers() == state.timers()
            assert folded.status == state.status
