"""What people see of nodes, folded from the history."""

from __future__ import annotations

from minuet.model.event import Event
from minuet.model.ir import Ir, IrNode
from minuet.views.nodes import NodeViews

NODES = ["done", "busy", "asked", "later"]


def statuses(*transitions: list[Event]) -> dict[str, str]:
    views = NodeViews(Ir("w", [IrNode(id, "http") for id in NODES], []))
    for at, events in enumerate(transitions, start=1):
        views.apply(views.seq + 1, at * 1_000, events)
    return {view.id: view.status for view in views.views}


def event(type: str, node: str, **data: object) -> Event:
    return Event(type, node, 1, {"attempt": 1, **data})


BEFORE = [
    Event("run.started"),
    event("node.ready", "done"),
    event("node.ready", "busy"),
    event("node.ended", "done", status="succeeded"),
    event("node.waiting", "asked"),
]
STOPPING = [
    event("node.ended", "asked", status="cancelled"),
    Event("run.cancelling", data={"status": "cancelled", "error": {}, "until": 9_000}),
]


def test_who_waits_for_child_runs_is_cancelling_too() -> None:
    views = NodeViews(Ir("w", [IrNode("sub", "workflow"), IrNode("map", "map")], []))
    views.apply(1, 1_000, [event("node.waiting", "sub", child="0-c"), *STOPPING[1:]])
    assert [view.status for view in views.views] == ["cancelling", "pending"]


def test_what_was_dispatched_is_cancelling_until_its_worker_lets_go() -> None:
    assert statuses(BEFORE, STOPPING) == {
        "done": "succeeded", "busy": "cancelling", "asked": "cancelled", "later": "pending",
    }  # fmt: skip
    end = [event("node.ended", "busy", status="cancelled")]
    assert statuses(BEFORE, STOPPING, end)["busy"] == "cancelled"


def test_a_result_taken_over_from_another_run_says_so() -> None:
    views = NodeViews(Ir("w", [IrNode(id, "http") for id in NODES], []))
    views.apply(1, 1_000, [event("node.ended", "done", status="succeeded", reused=True)])
    assert [view.reused for view in views.views] == [True, False, False, False]
