"""Which results of an ended run a new one takes over, and why the other nodes run again. Pure.

A result is taken over if its node succeeded and nothing that it came from is different. Whatever
follows a node that runs again runs again too, with one exception: what did not wait for it. A node
that failed the run, was cancelled or never reached decided nothing, so a result beside it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from minuet.ir.advance import advance
from minuet.ir.graph import successors
from minuet.ir.plan import Plan
from minuet.ir.rebase_loops import loop_graphs
from minuet.ir.run_state import RunState
from minuet.ir.transition import RunInput
from minuet.model.event import Event
from minuet.model.ir import Ir
from minuet.model.signal import Continue, Start
from minuet.model.status import NodeStatus

from .changes import (
    changed_nodes,
    changed_targets,
    input_readers,
    input_targets,
    inputs_differ,
    is_different,
)
from .past import PastNode

Reason = Literal[
    "asked", "changed", "inputs", "failed", "timed_out", "cancelled", "skipped", "pending",
    "undone", "loop", "after",
]  # fmt: skip


class Again(NamedTuple):
    """A node that is decided anew. `after` names the node because of which, if it is another.

    asked: it was named · changed: it, or what leads to it, is another in the document ·
    inputs: it, or a condition that leads to it, reads an input that changed · failed, timed_out,
    cancelled, skipped, pending: that became of it · undone: it was compensated · loop: another
    node of its loop runs again · after: it follows one that runs again
    """

    node: str
    reason: Reason
    after: str | None = None


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """Both in topological order. Compensating nodes are in neither."""

    kept: list[str]
    again: list[Again]


class Wish(NamedTuple):
    """What the new run is to be: on document `ir` with `inputs`, replaying from `from_node`."""

    ir: Ir
    inputs: Any
    from_node: str | None = None


def plan_retry(
    old: Ir,
    past: Mapping[str, PastNode],
    inputs: Any,
    wish: Wish,
    restless: Iterable[str] = (),
) -> RetryPlan:
    """`old` and `inputs` are what the ended run was on. `restless` are nodes that would not stay
    as they were (see `restless_nodes`). O(nodes + edges), and per loop its body."""
    return _Planner(old, past, inputs, wish, restless).plan()


def start_over(ir: Ir) -> RetryPlan:
    """Nothing is kept."""
    aside = {node.compensate for node in ir.nodes}
    return RetryPlan([], [Again(node.id, "asked") for node in ir.nodes if node.id not in aside])


class _Planner:
    def __init__(
        self,
        old: Ir,
        past: Mapping[str, PastNode],
        inputs: Any,
        wish: Wish,
        restless: Iterable[str],
    ) -> None:
        self._ir = wish.ir
        self._past = past
        self._ahead = {
            node.id: [wish.ir.nodes[i].id for i in targets]
            for node, targets in zip(wish.ir.nodes, _targets(wish.ir), strict=True)
        }
        self._aside = {node.compensate for node in wish.ir.nodes if node.compensate is not None}
        self._again: dict[str, Again] = {}
        self._seed(old, inputs, wish, restless)

    def plan(self) -> RetryPlan:
        self._break_loops()
        nodes = [node.id for node in self._ir.nodes if node.id not in self._aside]
        return RetryPlan(
            [node for node in nodes if node not in self._again],
            [self._again[node] for node in nodes if node in self._again],
        )

    def _seed(self, old: Ir, inputs: Any, wish: Wish, restless: Iterable[str]) -> None:
        """What gives reason first comes first: a node is told one reason alone."""
        if wish.from_node is not None:
            self._mark(wish.from_node, "asked")
        for node in sorted(changed_nodes(old, self._ir) | changed_targets(old, self._ir)):
            self._mark(node, "changed")
        if is_different(wish.inputs, inputs):
            differs = inputs_differ(inputs, wish.inputs)
            readers = input_readers(self._ir, differs) | input_targets(self._ir, differs)
            for node in sorted(readers):
                self._mark(node, "inputs")
        for node in restless:
            self._mark(node, "loop")
        for each in self._ir.nodes:
            self._judge(each.id)
        self._spread()

    def _judge(self, node: str) -> None:
        past = self._past.get(node)
        if past is None or node in self._aside:
            return
        if past.is_undone:
            self._mark(node, "undone")
        elif past.status is not NodeStatus.SUCCEEDED:
            self._mark(node, _REASONS.get(past.status, "pending"))

    def _mark(self, node: str, reason: Reason, after: str | None = None) -> None:
        if node in self._ahead and node not in self._aside:
            self._again.setdefault(node, Again(node, reason, after))

    def _spread(self) -> None:
        """What follows a node that runs again, and was decided by it, runs again."""
        todo = [node for node in self._again if self._decides(node)]
        while todo:
            source = todo.pop()
            for node in self._ahead[source]:
                if node not in self._again and node not in self._aside:
                    self._mark(node, "after", self._again[source].after or source)
                    todo.append(node)

    def _decides(self, node: str) -> bool:
        again, past = self._again[node], self._past.get(node)
        if again.reason in ("asked", "changed", "inputs", "undone", "loop", "after"):
            return True
        return past is not None and past.is_decisive and again.reason != "skipped"

    def _break_loops(self) -> None:
        """A loop is kept whole or not at all: its results belong to its last round."""
        loops = loop_graphs(self._ir)
        while broken := [each.body for each in loops if self._is_broken(each.body)]:
            for body in broken:
                cause = next(node for node in sorted(body) if self._breaks(node))
                for node in sorted(body):
                    if not self._breaks(node):
                        self._again[node] = Again(node, "loop", cause)
            self._spread()

    def _is_broken(self, body: frozenset[str]) -> bool:
        breaking = [self._breaks(node) for node in body]
        return any(breaking) and not all(breaking)

    def _breaks(self, node: str) -> bool:
        again = self._again.get(node)
        return again is not None and again.reason != "skipped"


_REASONS: dict[NodeStatus, Reason] = {
    NodeStatus.FAILED: "failed",
    NodeStatus.TIMED_OUT: "timed_out",
    NodeStatus.CANCELLED: "cancelled",
    NodeStatus.SKIPPED: "skipped",
}


def _targets(ir: Ir) -> list[list[int]]:
    """Of the forward edges."""
    edges = [(edge.source, edge.target) for edge in ir.edges if edge.loop is None]
    return successors(len(ir.nodes), edges)


def restless_nodes(plan: Plan, start: Start) -> list[str]:
    """Nodes of loops that would run although all of their loop is kept by `start`.

    Conditions are evaluated anew, and those of a kept loop stand in its first round again: one
    that counts rounds, or reads what a later node of the body gave, may decide otherwise.
    """
    loops = [each.body for each in loop_graphs(plan.ir)]
    kept = [body for body in loops if not body.isdisjoint(start.kept)]
    if not kept:
        return []
    moving = {event.node or "" for event in _first_events(plan, start) if _moves(event)}
    return sorted({node for body in kept if not body.isdisjoint(moving) for node in body})


def _first_events(plan: Plan, start: Start) -> list[Event]:
    """All that happens before a first worker, timer or person is waited for."""
    state = RunState(plan, start)
    events: list[Event] = []
    given: list[RunInput] = [start]
    while given:
        transition = advance(state, given, start.accepted_at)
        events += transition.events
        given = [Continue(start.run)] if transition.more else []
    return events


def _moves(event: Event) -> bool:
    if event.type in ("node.ready", "node.waiting"):
        return True
    ended = event.type == "node.ended" and "port" in event.data
    return ended and ("loop" in event.data or not event.data.get("reused"))
