"""The laws of a run, over random documents and random worlds.

Compiled router and reference agree on every transition; the counter is never negative; every run
ends, once; each execution is recorded once; folding the history gives back state and timers.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minuet.ir import reference
from minuet.ir.advance import advance
from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.ir.routing import is_compiled
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Fired, Limits, RunInput, Transition
from minuet.model.event import Event
from minuet.model.signal import Command, Continue, Reemit, Start
from minuet.model.status import NodeStatus
from minuet.model.timer import Timer
from minuet.model.token import Failure, Outcome

from .random_documents import DocumentMaker

SEEN: Counter[str] = Counter()
REQUIRED = (
    "task", "once", "judge", "transform", "branch", "wait", "join", "ghost", "retry", "on_error",
    "timeout", "on_error", "on_timeout", "parallel_edge", "when", "otherwise", "join_any",
    "join_n", "join_all", "max_parallel", "deadline", "outputs", "cancel", "duplicate", "late",
    "held", "skipped", "fatal",
)  # fmt: skip


class World:
    """Workers, timers and signals around two copies of one run."""

    def __init__(self, random: Random) -> None:
        self.random = random
        maker = DocumentMaker(random)
        ir, digest = maker.ir()
        SEEN.update(maker.constructs)
        inputs = msgspec.Raw(b'{"x":%d}' % random.randint(0, 6))
        self.start = Start("0-r", "t", digest, "random", accepted_at=0, inputs=inputs)
        self.plan = Plan(ir, digest)
        self.compiled = RunState(self.plan, self.start)
        self.judge = RunState(Plan(ir, digest, reference.Router), self.start)  # type: ignore[arg-type]
        self.limits = random.choice([Limits(), Limits(inline_steps=1, tokens=2)])
        self.now = 0
        self.events: list[Event] = []
        self.tokens: list[str] = []  # dispatched and not yet answered
        self.answered: list[Completion] = []
        self.timers: dict[str, int] = {}
        self.outputs: dict[str, bytes] = {}
        self.more = False

    def apply(self, inputs: list[RunInput]) -> Transition:
        mine = advance(self.compiled, inputs, self.now, self.limits)
        theirs = advance(self.judge, inputs, self.now, self.limits)
        assert mine == theirs
        assert self.compiled.counter == len(self.compiled.frontier.live_nodes()) >= 0
        self.events += mine.events
        self.tokens += [token.id for token in mine.tokens]
        self.timers = {k: v for k, v in self.timers.items() if k not in mine.timers_del}
        self.timers |= mine.timers_add
        self.outputs |= mine.outputs
        self.more = mine.more
        self._check_fold()
        return mine

    def _check_fold(self) -> None:
        wire = msgspec.json.decode(msgspec.json.encode(self.events), type=list[Event])
        folded = fold(self.plan, self.start, wire)
        assert folded.records() == self.compiled.records()
        assert folded.status == self.compiled.status
        assert folded.seq == self.compiled.seq == len(self.events)
        assert folded.timers() == self.compiled.timers() == self.timers
        assert folded.deadline_at == self.compiled.deadline_at
        assert sorted(folded.armed) == sorted(self.compiled.armed)
        kept = {node: stored.value for node, stored in folded.outputs.items()}
        assert {n: msgspec.json.decode(v)["value"] for n, v in self.outputs.items()} == {
            n: msgspec.json.decode(v) for n, v in kept.items()
        }

    def inputs(self) -> list[RunInput]:
        """Something that may come next; never nothing while the run lives."""
        chosen: list[RunInput] = []
        for _ in range(self.random.choice([1, 1, 2, 4])):
            if self.more and self.random.random() < 0.5:
                chosen.append(Continue("0-r"))
            if self.random.random() < 0.01:
                SEEN["cancel"] += 1
                chosen.append(Command("0-r", self.random.choice([1, 1, 2]), "cancel"))
            if self.answered and self.random.random() < 0.2:
                chosen.append(self.random.choice(self.answered))
                SEEN["duplicate"] += 1
            if self.tokens and self.random.random() < 0.1:
                chosen.append(Reemit("0-r", [self.random.choice(self.tokens)]))
            chosen += self._completion()
        return chosen or self._passing_time()

    def _completion(self) -> list[RunInput]:
        if not self.tokens or self.random.random() < 0.2:
            return []
        token = self.tokens.pop(self.random.randrange(len(self.tokens)))
        _, node, gen, attempt = token.split("/")
        live = self.compiled.frontier.cell(self.plan.index[node])
        if live[2] != int(attempt) or live[0] != NodeStatus.READY:
            SEEN["late"] += 1
        done = Completion(node, int(gen), int(attempt), self._outcome())
        self.answered.append(done)
        if self.random.random() < 0.1:
            self.tokens.append(token)  # delivered twice: it will be answered again, differently
        return [done]

    def _outcome(self) -> Outcome:
        draw = self.random.random()
        if draw < 0.15:
            return Outcome("error", failure=Failure("boom", "no", self.random.random() < 0.7))
        if draw < 0.22:
            return Outcome("timeout", failure=Failure("timeout", "slow"))
        port = self.random.choice(["success", "success", "good", "bad"])
        output = self.random.choice([b"null", b'{"score":1}', b'{"score":3}', b'"text"'])
        return Outcome(port, output=msgspec.Raw(output))

    def _passing_time(self) -> list[RunInput]:
        if self.more:
            return [Continue("0-r")]
        if self.timers and (not self.tokens or self.random.random() < 0.5):
            self.now = max(self.now, min(self.timers.values()))
            due = [member for member, at in self.timers.items() if at <= self.now]
            for member in due:
                del self.timers[member]
            return [Fired(Timer.parse(member)) for member in due]
        return self._completion()


@settings(
    max_examples=2500, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.integers(0, 2**63))
def test_every_run_obeys_the_laws(seed: int) -> None:
    world = World(Random(seed))
    world.apply([world.start])
    for _ in range(2000):
        if world.compiled.status.ended:
            break
        inputs = world.inputs()
        if inputs:
            world.apply(inputs)
    assert world.compiled.status.ended, "a run that is fed must end"
    assert world.compiled.counter == 0
    types = [event.type for event in world.events]
    assert types.count("run.ended") == 1
    assert types[-1] == "run.ended"
    ends = [(e.node, e.gen) for e in world.events if e.type == "node.ended"]
    assert len(ends) == len(set(ends)), "an execution was recorded twice"
    note_what_happened(world)
    assert world.apply([world.start, *world.answered, Continue("0-r")]).events == []


def note_what_happened(world: World) -> None:
    for event in world.events:
        if event.data.get("held"):
            SEEN["held"] += 1
        if event.data.get("fatal"):
            SEEN["fatal"] += 1
        if event.data.get("status") == "skipped":
            SEEN["skipped"] += 1


def test_every_construct_occurred(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs after the property in this file: a generator that draws nothing would prove nothing."""
    if not SEEN:
        pytest.skip("the property did not run in this process")
    with capsys.disabled():
        told = ", ".join(f"{name} {count}" for name, count in sorted(SEEN.items()))
        print(f"\nconstructs seen: {told}")
    assert not [name for name in REQUIRED if SEEN[name] < 25]


def test_compiled_router_is_the_one_under_test() -> None:
    assert is_compiled()
