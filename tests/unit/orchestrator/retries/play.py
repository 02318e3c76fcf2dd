"""Runs played in memory: their tasks answer as a test says, and a retry is planned from the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from minuet.ir.advance import advance
from minuet.ir.compile import compile_document
from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, RunInput
from minuet.model.event import Event
from minuet.model.node_type import NodeType
from minuet.model.signal import Command, Kept, Start
from minuet.model.status import RunStatus
from minuet.model.token import ApprovalRequest, Failure, Outcome
from minuet.services.orchestrator.retries.past import PastNode, past_of
from minuet.services.orchestrator.retries.plan import (
    Again,
    RetryPlan,
    Wish,
    plan_retry,
    restless_nodes,
)

TYPES = {"task": NodeType("task", effect="pure", ports=None)}
Answer = Callable[[str, int], Outcome]
Json = dict[str, Any]


def document(nodes: list[Json], edges: list[Any], **more: Any) -> Json:
    """Nodes without a type are tasks; an edge may be "a>b"."""
    return {
        "apiVersion": "minuet/v1",
        "name": "retried",
        "nodes": [{"type": "task", **node} for node in nodes],
        "edges": [_edge(each) for each in edges],
        **more,
    }


def _edge(given: Any) -> Json:
    if isinstance(given, dict):
        return given
    source, _, target = given.partition(">")
    return {"from": source, "to": target}


def tasks(*ids: str) -> list[Json]:
    return [{"id": id} for id in ids]


def fails(*nodes: str) -> Answer:
    def answer(node: str, gen: int) -> Outcome:
        if node in nodes:
            return Outcome(port="error", failure=Failure("boom", "boom", retryable=False))
        return succeeds(node, gen)

    return answer


def succeeds(node: str, gen: int) -> Outcome:
    return Outcome(output=msgspec.Raw(msgspec.json.encode({"node": node, "gen": gen})))


def compiled(document: Json) -> Plan:
    made = compile_document(document, TYPES)
    assert made.valid, made.diagnostics
    return Plan(made.require(), made.digest)


@dataclass
class Played:
    """A run that went as far as it could. `executed` are its dispatched tasks, in order."""

    plan: Plan
    state: RunState
    history: list[tuple[int, list[Event]]]
    executed: list[str]
    inputs: Json

    @property
    def past(self) -> dict[str, PastNode]:
        events = [event for _, each in self.history for event in each]
        folded = fold(self.plan, self.state.start, events)
        assert folded.records() == self.state.records()
        return past_of(folded, self.history)

    def retry(
        self, document: Json | None = None, inputs: Json | None = None, from_node: str | None = None
    ) -> RetryPlan:
        """As the service plans it."""
        plan = self.plan if document is None else compiled(document)
        wish = Wish(plan.ir, self.inputs if inputs is None else inputs, from_node)
        past = self.past
        made = plan_retry(self.plan.ir, past, self.inputs, wish)
        start = _start(plan, wish.inputs, kept_of(past, made))
        restless = restless_nodes(plan, start)
        return plan_retry(self.plan.ir, past, self.inputs, wish, restless)


def kept_of(past: Mapping[str, PastNode], plan: RetryPlan) -> dict[str, Kept]:
    return {node: Kept(past[node].port, past[node].stored.value) for node in plan.kept}


def reasons(plan: RetryPlan) -> dict[str, str]:
    return {each.node: each.reason for each in plan.again}


def after(plan: RetryPlan, node: str) -> Again:
    return next(each for each in plan.again if each.node == node)


def play(
    document: Json, answer: Answer = succeeds, *, inputs: Json | None = None,
    kept: Mapping[str, Kept] | None = None, decide: str = "approve", cancel_at: str | None = None,
) -> Played:  # fmt: skip
    """Until nothing moves. hitl nodes ask and are answered with `decide`; the run is cancelled once
    `cancel_at` is dispatched, whose worker lets go then."""
    plan = compiled(document)
    start = _start(plan, inputs or {}, kept or {})
    state = RunState(plan, start)
    played = Played(plan, state, [], [], inputs or {})
    given: list[RunInput] = [start]
    now = 0
    while given and not state.status.ended:
        now += 10
        transition = advance(state, given, now)
        wire = msgspec.json.decode(msgspec.json.encode(transition.events), type=list[Event])
        played.history.append((now, wire))
        given = []
        for token in transition.tokens:
            _, node, gen, attempt = token.id.split("/")
            played.executed.append(node)
            let_go = node == cancel_at
            if let_go:
                given.append(Command("0-r", state.cmd + 1, "cancel"))
            asks = plan.nodes[plan.index[node]].asks
            asked = Outcome(waiting=True, approval=ApprovalRequest(message="?"))
            usual = fails(node)(node, 1) if let_go else answer(node, int(gen))
            outcome = asked if asks else usual
            given.append(Completion(node, int(gen), int(attempt), outcome))
        given += [
            Command("0-r", state.cmd + 1, "decision",
                    data={"node": event.node, "gen": event.gen, "decision": decide, "by": "anna"})
            for event in transition.events if event.type == "approval.requested"
        ]  # fmt: skip
    return played


def ended(played: Played) -> RunStatus:
    assert played.state.status.ended, played.state.status
    return played.state.status


def _start(plan: Plan, inputs: Json, kept: Mapping[str, Kept]) -> Start:
    return Start(
        "0-r", "t", plan.digest, "retried", accepted_at=0,
        inputs=msgspec.Raw(msgspec.json.encode(inputs)), kept=dict(kept),
    )  # fmt: skip
