"""What became of each node of an ended run, and what it cost. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from minuet.ir.run_state import RunState
from minuet.model.event import Event
from minuet.model.state import Stored
from minuet.model.status import NodeStatus

NOTHING: Final = Stored()

Timed = tuple[int, list[Event]]
"""The events of a transition, and when it was committed (ms)."""


@dataclass(slots=True)
class Cost:
    """`duration_ms` is from ready to end, over all rounds of a loop together; a result that was
    taken over itself cost nothing (`rounds` is 0 then)."""

    duration_ms: int = 0
    attempts: int = 0
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class PastNode:
    """`is_decisive`: its out-edges were resolved, so what came after it may have come from it.
    `is_undone`: a compensating node was set to work on it, whether or not that succeeded."""

    status: NodeStatus
    port: str = ""
    stored: Stored = NOTHING
    is_decisive: bool = True
    is_undone: bool = False
    cost: Cost = field(default_factory=Cost)


def past_of(state: RunState, history: Iterable[Timed]) -> dict[str, PastNode]:
    """`state` is the whole `history`, folded; every node of the document that it ended on."""
    costs, fatal = _read(history)
    found = {}
    for node in state.plan.nodes:
        undoes = state.plan.index.get(node.node.compensate or "")
        status = NodeStatus(state.frontier.cell(node.index)[0])
        found[node.id] = PastNode(
            status=status,
            port=state.ports.get(node.index, ""),
            stored=state.outputs.get(node.id, NOTHING),
            is_decisive=status.ended
            and status is not NodeStatus.CANCELLED
            and node.id not in fatal,
            is_undone=undoes is not None
            and NodeStatus(state.frontier.cell(undoes)[0]) is not NodeStatus.PENDING,
            cost=costs.get(node.id, Cost()),
        )
    return found


def _read(history: Iterable[Timed]) -> tuple[dict[str, Cost], set[str]]:
    """(costs, nodes whose failure nothing listened to)."""
    costs: defaultdict[str, Cost] = defaultdict(Cost)
    attempts: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    began: dict[str, int] = {}
    fatal: set[str] = set()
    for time, events in history:
        for event in events:
            node, data = event.node or "", event.data
            if event.type in ("node.ready", "node.waiting"):
                began.setdefault(node, time)
                attempts[node].add((event.gen or 0, data.get("attempt", 1)))
            elif event.type == "node.ended" and "port" in data:
                if data.get("fatal"):
                    fatal.add(node)
                if not data.get("reused"):
                    since = began.pop(node, data.get("started_at") or time)
                    costs[node].duration_ms += max(0, time - since)
                    costs[node].rounds += 1
    for node, cost in costs.items():
        cost.attempts = max(cost.rounds, len(attempts[node]))
    return costs, fatal
