"""The laws of a run, over random documents and random worlds.

Compiled router and reference agree on every transition; the counter is never negative; every run
ends, once; each execution is recorded once; folding the history gives back state and timers.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minuet.ir import reference
from minuet.ir.advance import advance
from minuet.ir.checks_children import KnownWorkflow, Reference
from minuet.ir.compile import compile_document
from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.ir.routing import is_compiled
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Fired, Limits, RunInput, Transition
from minuet.model.event import Event
from minuet.model.ir import IrChild
from minuet.model.signal import Command, CommandName, Continue, Reemit, Start
from minuet.model.state import Stored
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.timer import Timer
from minuet.model.token import ApprovalRequest, Failure, Outcome

from .random_documents import NODE_TYPES, DocumentMaker

CHILD = KnownWorkflow(IrChild("sha256:c", "sha256:d", "child", 1), 0)
WORKFLOWS = {Reference("child"): CHILD}
SEEN: Counter[str] = Counter()
PAIRS: Counter[tuple[str, str]] = Counter()
COMMANDS: dict[CommandName, int] = {
    "cancel": 3, "decision": 8, "patch": 8, "message": 12, "pause": 6, "resume": 2,
}  # fmt: skip
# Every pair of these must occur in documents often enough.
CONSTRUCTS = (
    "task", "once", "judge", "hitl", "transform", "branch", "wait", "message", "join", "ghost",
    "map", "workflow",
    "retry", "on_error", "timeout", "on_timeout", "when", "otherwise", "join_any", "join_n",
    "join_all", "parallel_edge", "guard", "loop", "nested_loop", "exhausted", "compensate",
    "max_parallel", "deadline", "outputs",
)  # fmt: skip
REQUIRED = (
    "task", "once", "judge", "transform", "branch", "wait", "join", "ghost", "retry", "on_error",
    "timeout", "on_error", "on_timeout", "parallel_edge", "when", "otherwise", "join_any",
    "join_n", "join_all", "max_parallel", "deadline", "outputs", "cancel", "duplicate", "late",
    "held", "skipped", "fatal", "hitl",
    "loop", "nested_loop", "exhausted", "guard", "compensate", "message", "round", "inner_round",
    "undone",
    "pause", "resume", "sent", "kept_message", "run.cancelling", "run.compensating", "run.paused",
    "run.resumed", "let_go", "exit_held", "refused_paused", "refused_not_paused", "refused_ending",
    "node.spawned", "node.item", "child_ended", "stopped_child",
    "decision", "patched", "refused_conflict", "refused_base_moved", "refused_not_waiting",
    "approval.requested", "approval.decided", "approval.expired", "approval.cancelled",
)  # fmt: skip


class World:
    """Workers, timers and signals around two copies of one run."""

    def __init__(self, random: Random) -> None:
        self.random = random
        maker = DocumentMaker(random)
        self.maker = maker
        self.document = maker.document()
        SEEN.update(maker.constructs)
        self.constructs = sorted(set(maker.constructs) & set(CONSTRUCTS))
        PAIRS.update(combinations(self.constructs, 2))
        self.plans: dict[str, Plan] = {}
        self.judges_plans: dict[str, Plan] = {}
        digest = self.compile(self.document) or ""
        inputs = msgspec.Raw(b'{"x":%d}' % random.randint(0, 6))
        self.start = Start("0-r", "t", digest, "random", accepted_at=0, inputs=inputs)
        self.first = self.plans[digest]
        self.compiled = RunState(self.first, self.start)
        self.judge = RunState(self.judges_plans[digest], self.start)
        self.limits = random.choice([Limits(), Limits(inline_steps=1, tokens=2)])
        self.now = 0
        self.events: list[Event] = []
        self.tokens: list[str] = []  # dispatched and not yet answered
        self.answered: list[Completion] = []
        self.timers: dict[str, int] = {}
        self.outputs: dict[str, bytes] = {}
        self.children: dict[str, Start] = {}
        self.reemitted: set[str] = set()
        self.more = False
        self.drafts: dict[str, dict[str, Any]] = {}

    def compile(self, document: dict[str, Any]) -> str | None:
        """Digest of a valid document, whose plans are then known; None for any other."""
        compiled = compile_document(document, NODE_TYPES, WORKFLOWS)
        if compiled.ir is None:
            return None
        digest = compiled.digest
        self.plans[digest] = Plan(compiled.ir, digest)
        self.judges_plans[digest] = Plan(compiled.ir, digest, reference.Router)  # type: ignore[arg-type]
        return digest

    @property
    def plan(self) -> Plan:
        """What the run is on now."""
        return self.compiled.plan

    def apply(self, inputs: list[RunInput]) -> Transition:
        self.load_all_outputs()
        mine = advance(self.compiled, inputs, self.now, self.limits, self.plans)
        theirs = advance(self.judge, inputs, self.now, self.limits, self.judges_plans)
        assert mine == theirs
        assert self.compiled.counter == len(self.compiled.frontier.live_nodes()) >= 0
        self.events += mine.events
        for event in mine.events:
            if event.type == "patch.applied":
                SEEN["patched"] += 1
                self.document = self.drafts[event.data["ir"]]
            elif event.type == "command.refused":
                SEEN[f"refused_{event.data['reason']}"] += 1
            elif event.type.startswith(("approval.", "run.")):
                SEEN[event.type] += 1
        self.tokens += [token.id for token in mine.tokens]
        self.tokens += [
            f"{start.parent.token}#{start.run}" for start in mine.starts if start.parent
        ]
        for start in mine.starts:
            assert start.run not in self.children or start.run in self.reemitted
            self.children[start.run] = start
        SEEN["stopped_child"] += len(mine.stops)
        self.timers = {k: v for k, v in self.timers.items() if k not in mine.timers_del}
        self.timers |= mine.timers_add
        self.outputs |= mine.outputs
        self.more = mine.more
        SEEN["exit_held"] += any(":" in record for record in mine.records.values())
        self._check_fold()
        return mine

    def load_all_outputs(self) -> None:
        """What the coordinator does before a patch: outputs that were not kept are loaded."""
        for state in (self.compiled, self.judge):
            for node, data in self.outputs.items():
                state.outputs.setdefault(node, msgspec.json.decode(data, type=Stored))

    def _check_fold(self) -> None:
        wire = msgspec.json.decode(msgspec.json.encode(self.events), type=list[Event])
        folded = fold(self.first, self.start, wire, self.plans)
        assert folded.plan.digest == self.plan.digest
        assert folded.records() == self.compiled.records()
        assert folded.status == self.compiled.status
        assert folded.seq == self.compiled.seq == len(self.events)
        assert folded.timers() == self.compiled.timers() == self.timers
        assert folded.deadline_at == self.compiled.deadline_at
        assert sorted(folded.armed) == sorted(self.compiled.armed)
        kept = {node: stored.value for node, stored in folded.outputs.items()}
        stored = {n: msgspec.json.decode(v).get("value") for n, v in self.outputs.items()}
        # Results of the items of a map that is over stay behind; nobody reads them.
        live = {n for n in stored if "#" not in n or n in folded.outputs}
        assert {n: stored[n] for n in live if stored[n] is not None} == {
            n: msgspec.json.decode(v) for n, v in kept.items()
        }
        assert folded.rest == self.compiled.rest

    def inputs(self) -> list[RunInput]:
        """Something that may come next; never nothing while the run lives."""
        chosen: list[RunInput] = []
        for _ in range(self.random.choice([1, 1, 2, 4])):
            if self.more and self.random.random() < 0.5:
                chosen.append(Continue("0-r"))
            if self.random.random() < 0.2:
                chosen += self._command()
            if self.answered and self.random.random() < 0.2:
                chosen.append(self.random.choice(self.answered))
                SEEN["duplicate"] += 1
            if self.tokens and self.random.random() < 0.1:
                token, _, child = self.random.choice(self.tokens).partition("#")
                self.reemitted |= {child}
                chosen.append(Reemit("0-r", [token], [child]))
            chosen += self._completion()
        return chosen or self._passing_time()

    def _command(self) -> list[RunInput]:
        number = self.compiled.cmd + self.random.choice([1, 1, 1, 1, 2, 0])
        [name] = self.random.choices([*COMMANDS], [*COMMANDS.values()])
        if name == "patch":
            return self._patch(number)
        SEEN[name] += 1
        if name == "message":
            SEEN["sent"] += 1
            sent = {"name": self.random.choice(["go", "stop"]), "data": {"a": [1]}}
            return [Command("0-r", number, "message", data=sent, principal="ana")]
        if name != "decision":
            return [Command("0-r", number, name)]
        node = self.random.choice(self.plan.nodes)
        decision = self.random.choice(["approve", "reject"])
        gen = self.compiled.frontier.cell(node.index)[1]
        data = {"node": node.id, "gen": gen, "decision": decision, "payload": {"a": 1}}
        return [Command("0-r", number, "decision", data=data, principal="ana")]

    def _patch(self, number: int) -> list[RunInput]:
        document = self.maker.changed(self.document)
        digest = self.compile(document)
        if digest is None:
            return []
        SEEN["patch"] += 1
        base = self.plan.digest if self.random.random() < 0.9 else "sha256:stale"
        data = {"patch": "p", "base": base, "ir": digest, "document": digest, "by": "ana"}
        self.drafts[digest] = document
        return [Command("0-r", number, "patch", data=data)]

    def _completion(self) -> list[RunInput]:
        if not self.tokens or self.random.random() < 0.2:
            return []
        token = self.tokens.pop(self.random.randrange(len(self.tokens)))
        token, _, child = token.partition("#")
        if child:
            return [self._end_child(token, child)]
        _, node, gen, attempt = token.split("/")
        index = self.plan.index[node]  # a node that had a token is never removed
        live = self.compiled.frontier.cell(index)
        if live[0] == NodeStatus.CANCELLING:
            SEEN["let_go"] += 1
        elif live[1] != int(gen) or live[2] != int(attempt) or live[0] != NodeStatus.READY:
            SEEN["late"] += 1
        asks = self.plan.nodes[index].asks
        done = Completion(
            node, int(gen), int(attempt), self._question() if asks else self._outcome()
        )
        self.answered.append(done)
        if self.random.random() < 0.1:
            self.tokens.append(token)  # delivered twice: it will be answered again, differently
        return [done]

    def _end_child(self, token: str, child: str) -> Completion:
        """A child run ended somehow, perhaps told twice."""
        parent = self.children[child].parent
        assert parent is not None
        draw = self.random.random()
        outcome = Outcome(output=msgspec.Raw(b'{"score":3}'), item=parent.item)
        if draw < 0.25:
            failure = Failure("child_failed", "no", self.random.random() < 0.7)
            outcome = Outcome("error", failure=failure, item=parent.item)
        _, node, gen, attempt = token.split("/")
        done = Completion(node, int(gen), int(attempt), outcome)
        SEEN["child_ended"] += 1
        self.answered.append(done)
        return done

    def _question(self) -> Outcome:
        wait_ms = self.random.choice([None, 1000, 50_000])
        return Outcome(waiting=True, wait_ms=wait_ms, approval=ApprovalRequest("?"))

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
        return self._completion() or self._answer()

    def _answer(self) -> list[RunInput]:
        """Somebody decides at last, sends what is waited for, lets go on: nobody waits for ever."""
        number = self.compiled.cmd + 1
        if self.compiled.status is RunStatus.PAUSED:
            return [Command("0-r", number, "resume")]
        for index in self.compiled.frontier.nodes_in(NodeStatus.WAITING):
            node, gen = self.plan.nodes[index], self.compiled.frontier.cell(index)[1]
            if node.asks:
                data = {"node": node.id, "gen": gen, "decision": "approve", "by": "ben"}
                return [Command("0-r", number, "decision", data=data)]
            if node.awaits is not None:
                return [Command("0-r", number, "message", data={"name": node.awaits})]
        return []


@settings(
    max_examples=6000, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.integers(0, 2**63))
def test_every_run_obeys_the_laws(seed: int) -> None:
    world = World(Random(seed))
    world.apply([world.start])
    for _ in range(5000):
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
    ends = [
        (e.node, e.gen)
        for e in world.events
        if e.type == "node.ended" and e.data["status"] != "skipped"
    ]
    assert len(ends) == len(set(ends)), "an execution was recorded twice"
    note_what_happened(world)
    assert world.apply([world.start, *world.answered, Continue("0-r")]).events == []


def note_what_happened(world: World) -> None:
    for before, event in pairwise(world.events):
        if event.type == "message.taken" and before.type != "message.received":
            SEEN["kept_message"] += 1
    for event in world.events:
        if event.type in ("node.spawned", "node.item"):
            SEEN[event.type] += 1
        if event.data.get("held"):
            SEEN["held"] += 1
        if event.data.get("fatal"):
            SEEN["fatal"] += 1
        if event.data.get("status") == "skipped":
            SEEN["skipped"] += 1
        if "loop" in event.data:
            SEEN["round"] += 1
            SEEN["inner_round"] += event.data["loop"] == 1 and (event.gen or 0) > 2
        if event.type == "node.ended" and (event.node or "").startswith("u"):
            SEEN["undone"] += 1


def test_every_construct_occurred(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs after the property in this file: a generator that draws nothing would prove nothing."""
    if not SEEN:
        pytest.skip("the property did not run in this process")
    with capsys.disabled():
        told = ", ".join(f"{name} {count}" for name, count in sorted(SEEN.items()))
        print(f"\nconstructs seen: {told}")
        pairs = {pair: PAIRS[pair] for pair in combinations(sorted(CONSTRUCTS), 2)}
        told = ", ".join(f"{one}+{other} {count}" for (one, other), count in pairs.items())
        print(f"\npairs of constructs seen, documents each: {told}")
    assert not [name for name in REQUIRED if SEEN[name] < 25]
    assert not {pair: count for pair, count in pairs.items() if count < 100}


def test_compiled_router_is_the_one_under_test() -> None:
    assert is_compiled()
