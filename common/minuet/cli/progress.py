"""What a follower knows of a run: the nodes as last heard of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from minuet.client.views import LiveItem, Node, RunEvent


@dataclass(slots=True)
class Row:
    """One node. `note` is the last progress message or the error."""

    id: str
    type: str
    status: str
    gen: int = 0
    attempt: int = 0
    port: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    fraction: float | None = None
    note: str = ""


class Progress:
    """Folds events and live news; either may come late or twice."""

    def __init__(self, nodes: Iterable[Node], seq: int) -> None:
        self.seq = seq
        self.rows = {node.id: _row(node) for node in nodes}

    def apply(self, event: RunEvent) -> None:
        if event.id <= self.seq:
            return
        self.seq = event.id
        if event.type == "run.cancelling":
            self._cancelling()
        row = self.rows.get(event.node or "")
        if row is None:
            return
        row.gen = event.gen or row.gen
        row.attempt = event.data.get("attempt", row.attempt)
        match event.type:
            case "node.ready":
                row.status, row.port, row.note = "ready", None, ""
                row.started_at = row.ended_at = row.fraction = None
            case "node.waiting" | "node.retrying":
                row.status = event.type.removeprefix("node.")
                row.started_at = row.started_at or event.time
                row.note = _error(event) or row.note
            case "node.ended":
                row.status = event.data["status"]
                row.port = event.data.get("port")
                row.started_at = instant_in(event, "started_at") or row.started_at
                row.ended_at = instant_in(event, "ended_at") or event.time
                row.fraction = None
                row.note = _error(event)

    def _cancelling(self) -> None:
        """The rest was cancelled by events of its own before."""
        for row in self.rows.values():
            spawned = row.status == "waiting" and row.type in ("map", "workflow")
            if row.status in ("ready", "running") or spawned:
                row.status = "cancelling"

    def hear(self, item: LiveItem) -> None:
        """Take live news of an execution that is under way; news of an earlier one is dropped."""
        row = self.rows.get(item.node)
        if row is None or row.status not in ("ready", "running"):
            return
        if (item.gen, item.attempt) < (row.gen, row.attempt):
            return
        row.status = "running"
        row.started_at = row.started_at or item.time
        if item.type == "node.progress":
            row.fraction = item.data.get("fraction", row.fraction)
            row.note = item.data.get("message") or row.note

    def counts(self) -> dict[str, int]:
        """How many nodes are in each state, in the order of the document."""
        counts: dict[str, int] = {}
        for row in self.rows.values():
            counts[row.status] = counts.get(row.status, 0) + 1
        return counts


def instant_in(event: RunEvent, name: str) -> datetime | None:
    """An instant among the data of an event, if it is there."""
    text = event.data.get(name)
    return None if text is None else datetime.fromisoformat(text)


def _row(node: Node) -> Row:
    return Row(
        node.id, node.type, node.status, node.gen, node.attempt, node.port, node.started_at,
        node.ended_at, None, (node.error or {}).get("message", ""),
    )  # fmt: skip


def _error(event: RunEvent) -> str:
    error = event.data.get("error") or {}
    return str(error.get("message") or "")
