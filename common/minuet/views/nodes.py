"""What people see of a run's nodes: the events of its history, folded one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from minuet.ir.loops import loops_of
from minuet.model.event import Event
from minuet.model.ir import Ir

from .instants import instant, with_instants
from .schemas import NodeView

OUTPUT_BYTES: Final = 4 * 1024


class NodeViews:
    """The nodes of one run as of event `seq`, in the order of the compiled document."""

    def __init__(self, ir: Ir) -> None:
        self.seq = 0
        self.views = [NodeView(node.id, node.type, "pending") for node in ir.nodes]
        self.ended_seq: dict[str, int] = {}
        self._by_id = {view.id: view for view in self.views}
        self._rounds = _rounds(ir)

    def get(self, id: str) -> NodeView | None:
        return self._by_id.get(id)

    def apply(self, first_seq: int, time: int, events: Iterable[Event]) -> None:
        """Fold a transition committed at `time` (ms). One that was folded before is passed over."""
        if first_seq <= self.seq:
            return
        at = instant(time)
        for event in events:
            self.seq += 1
            if event.type == "run.cancelling":
                self._cancelling()
            view = self._by_id.get(event.node or "")
            if view is not None and (fold := _FOLDS.get(event.type)) is not None:
                if (event.gen or 0) > view.gen:
                    view.started_at = None
                view.gen = event.gen or 0
                view.attempt = event.data.get("attempt", view.attempt)
                fold(view, with_instants(event.data), at)
                if event.type == "node.ended":
                    self.ended_seq[view.id] = self.seq
                if (iteration := event.data.get("loop")) is not None:
                    self._go_round(view.id, iteration)

    def _go_round(self, closing: str, iteration: int) -> None:
        """The nodes of a loop are to run again."""
        for place, counts in self._rounds[closing]:
            view = self.views[place]
            view.status = "pending"
            view.iteration = iteration if counts else 0
            view.port = view.started_at = view.ended_at = view.error = view.worker = None
            _no_output(view)

    def _cancelling(self) -> None:
        """Their workers, or child runs, are to let go; the rest has ended by now."""
        for view in self.views:
            spawned = view.status == "waiting" and view.type in ("map", "workflow")
            if view.status == "ready" or spawned:
                view.status, view.due_at = "cancelling", None


def _rounds(ir: Ir) -> dict[str, list[tuple[int, bool]]]:
    """By the node that closes a loop: its nodes, and whether it is the innermost around them."""
    found = loops_of(ir)
    return {
        ir.nodes[loop.source].id: [(node, found.innermost[node] == number) for node in loop.body]
        for number, loop in enumerate(found.loops)
    }


def _ready(view: NodeView, data: dict[str, Any], at: datetime) -> None:
    view.status = "ready"
    view.iteration = data.get("iteration", view.iteration)
    view.port = view.ended_at = view.due_at = view.error = view.started_at = view.worker = None
    _no_output(view)


def _waiting(view: NodeView, data: dict[str, Any], at: datetime) -> None:
    view.status = "waiting"
    view.due_at = data.get("due_at")
    view.started_at = view.started_at or at


def _retrying(view: NodeView, data: dict[str, Any], at: datetime) -> None:
    view.status = "retrying"
    view.due_at = data.get("due_at")
    view.error = data.get("error")


def _ended(view: NodeView, data: dict[str, Any], at: datetime) -> None:
    view.status = data["status"]
    view.port = data.get("port")
    view.error = data.get("error")
    view.due_at = None
    view.started_at = data.get("started_at", view.started_at)
    view.ended_at = data.get("ended_at", at)
    view.worker = data.get("worker")
    view.skipped = bool(data.get("skipped"))
    view.reused = bool(data.get("reused"))
    _no_output(view)
    view.output_ref = data.get("output_ref")
    if "output" in data:
        fits = len(msgspec.json.encode(data["output"])) <= OUTPUT_BYTES
        view.output = data["output"] if fits else None
        view.output_omitted = not fits


def _no_output(view: NodeView) -> None:
    view.output = view.output_ref = None
    view.output_omitted = False


_FOLDS: Final[dict[str, Callable[[NodeView, dict[str, Any], datetime], None]]] = {
    "node.ready": _ready,
    "node.waiting": _waiting,
    "node.retrying": _retrying,
    "node.ended": _ended,
}
