"""A run in memory: what `advance` reads and changes, and its stored forms.

The state is only a copy of what Redis holds. `advance` changes it in place; whoever could not
commit the transition must drop the state and load it anew.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from minuet.model.signal import Start
from minuet.model.state import Head, Message, NodeRecord, Rest, RunSnapshot, Stored, head_text
from minuet.model.status import NodeStatus, RunStatus

from .children import item_key, live_items
from .plan import Plan


class RunState:
    """`outputs` holds what later expressions may read; `due` the timer instant (ms) of waiting and
    retrying nodes; `ports` how ended nodes ended; `armed` and `armed_inline` are heaps of the
    armed nodes that wait for dispatch and for evaluation; `missing` names outputs that exist in
    Redis but were not loaded yet; `rest` is what few runs have.
    Never stored: `items` of live maps by node; `again` names child runs that are to be started once
    more, as soon as bounds and blobs allow; `wanted` names blobs without which a node cannot go
    on, and `blobs` holds those that were fetched (None: no store has it)."""

    __slots__ = (
        "again", "armed", "armed_inline", "blobs", "cmd", "deadline_at", "due", "frontier", "items",
        "last", "missing", "outputs", "plan", "ports", "rest", "run", "seq", "start", "status",
        "wanted",
    )  # fmt: skip

    def __init__(self, plan: Plan, start: Start) -> None:
        self.plan = plan
        self.start = start
        self.run = start.run
        self.frontier = plan.router.frontier()
        self.status = RunStatus.QUEUED
        self.seq = 0
        self.cmd = -1
        self.last = "-"
        self.deadline_at = 0
        self.outputs: dict[str, Stored] = {}
        self.due: dict[int, int] = {}
        self.ports: dict[int, str] = {}
        self.armed: list[int] = []
        self.armed_inline: list[int] = []
        self.missing: set[str] = set()
        self.rest = Rest()
        self.items: dict[str, Sequence[Any]] = {}
        self.again: set[str] = set()
        self.wanted: set[str] = set()
        self.blobs: dict[str, bytes | None] = {}

    @property
    def counter(self) -> int:
        """Live tokens. A run ends in the commit that brings it to 0."""
        return self.frontier.live

    def head(self) -> str:
        return head_text(
            self.status, self.seq, self.cmd, self.frontier.live, self.last, self.deadline_at
        )

    def record(self, index: int) -> str:
        """Text of the node's NodeRecord."""
        return self.frontier.record(index, self.due.get(index, 0), self.ports.get(index, ""))

    def token_id(self, index: int) -> str:
        _, gen, attempt, *_ = self.frontier.cell(index)
        return f"{self.run}/{self.plan.nodes[index].id}/{gen}/{attempt}"

    def timers(self) -> dict[str, int]:
        """Every timer that the state implies: member -> due instant in ms."""
        found: dict[str, int] = {}
        for index, due_at in self.due.items():
            kind = "wait" if self.frontier.cell(index)[0] == NodeStatus.WAITING else "retry"
            found[f"{kind} {self.token_id(index)}"] = due_at
        if self.deadline_at and not self.status.ended and self.rest.ending is None:
            found[f"deadline {self.run}"] = self.deadline_at
        if self.status is RunStatus.CANCELLING and self.rest.ending is not None:
            found[f"stop {self.run}"] = self.rest.ending.until
        return found

    def records(self) -> dict[str, str]:
        """NodeRecord texts of all nodes that left pending or have resolved edges."""
        pristine = NodeRecord(NodeStatus.PENDING).encode()
        texts = ((node.id, self.record(node.index)) for node in self.plan.nodes)
        return {node: text for node, text in texts if text != pristine}

    def snapshot(self) -> RunSnapshot:
        return RunSnapshot(
            start=self.start,
            head=self.head(),
            nodes=self.records(),
            outputs=dict(self.outputs),
            ir=self.plan.digest,
            rest=self.rest,
        )

    def load_nodes(self, records: Mapping[str, str]) -> None:
        """Set every node named in `records`. Raises ValueError if one cannot be read."""
        for node, text in records.items():
            index = self.plan.index.get(node)
            if index is None:
                continue  # pending when a patch removed it: its field was left behind
            record = NodeRecord.decode(text)
            self.frontier.load(
                index, record.status, record.gen, record.attempt, record.iteration,
                record.taken, record.dead,
            )  # fmt: skip
            if record.exits:
                self.frontier.load_exits(index, record.exits)
            if record.due_at:
                self.due[index] = record.due_at
            if record.port:
                self.ports[index] = record.port
        self.collect_armed()

    def iterate(self, index: int) -> int:
        """Another round of the loop that the node closes; the header, which is armed."""
        for each in self.frontier.body(index):
            self.ports.pop(each, None)
        return self.frontier.iterate(index)

    def note_finished(self, index: int) -> None:
        """A node succeeded: remember it if it may have to be undone."""
        if self.plan.ir.compensate_on and self.plan.nodes[index].node.compensate is not None:
            self.rest.undo.append(self.plan.nodes[index].id)

    def note_not_undone(self, index: int) -> None:
        """A compensating node failed: the error of the run will name it."""
        ending = self.rest.ending
        assert ending is not None
        failed = [*ending.error.get("not_undone", []), self.plan.nodes[index].id]
        error = {**ending.error, "not_undone": failed}
        self.rest.ending = msgspec.structs.replace(ending, error=error)

    def forget_children(self, index: int) -> bool:
        """The node's child runs are no longer its own; whether it had any. Drops the results of
        their items."""
        id = self.plan.nodes[index].id
        self.items.pop(id, None)
        children = self.rest.children.pop(id, None)
        if children is None:
            return False
        for item in range(children.next):
            self.outputs.pop(item_key(id, item), None)
        if not self.rest.children:
            self.blobs.clear()
        return True

    def take_message(self, name: str) -> Message | None:
        """The first kept message of that name, which is gone then."""
        for message in self.rest.messages:
            if message.name == name:
                self.rest.messages.remove(message)
                return message
        return None

    def arm(self, index: int) -> None:
        """Remember a node that was marked ARMED."""
        inline = self.plan.nodes[index].inline
        heapq.heappush(self.armed_inline if inline else self.armed, index)

    def collect_armed(self) -> None:
        """Find the armed nodes by their status."""
        self.armed.clear()
        self.armed_inline.clear()
        for index in self.frontier.nodes_in(NodeStatus.ARMED):  # ascending: each push is O(1)
            self.arm(index)

    def load_head(self, text: str) -> None:
        head = Head.decode(text)
        self.status = head.status
        self.seq = head.seq
        self.cmd = head.cmd
        self.last = head.last
        self.deadline_at = head.deadline_at

    @classmethod
    def from_snapshot(cls, plan: Plan, snapshot: RunSnapshot) -> RunState:
        state = cls(plan, snapshot.start)
        state.load_head(snapshot.head)
        state.load_nodes(snapshot.nodes)
        state.outputs = dict(snapshot.outputs)
        # A copy: the snapshot may be needed again, and `advance` changes what stands in `rest`.
        state.rest = msgspec.json.decode(msgspec.json.encode(snapshot.rest), type=Rest)
        return state

    @classmethod
    def from_hash(cls, plan: Plan, start: Start, fields: Mapping[str, bytes]) -> RunState:
        """From `run:<id>` as Redis holds it. Outputs are not loaded: `missing` names those that
        something may still read."""
        state = cls(plan, start)
        state.load_head(fields["head"].decode())
        state.load_nodes({k[2:]: v.decode() for k, v in fields.items() if k.startswith("n:")})
        if "rest" in fields:
            state.rest = msgspec.json.decode(fields["rest"], type=Rest)
        state.missing = state.lacking(plan)
        return state

    def lacking(self, plan: Plan) -> set[str]:
        """Nodes that ended, in this round of a loop or an earlier one, whose output `plan` may read
        and that are not in memory: a null output is not told from one that was not loaded."""
        ended = {
            node.id
            for node in self.plan.nodes
            if node.id in plan.kept
            and node.id not in self.outputs
            and _has_ended(self.frontier.cell(node.index))
        }
        for id, children in self.rest.children.items():
            failed = {each.item for each in children.failed}
            live = set(live_items(children))
            names = {item_key(id, i) for i in range(children.next) if i not in live | failed}
            ended |= names - self.outputs.keys()
        return ended

    def add_outputs(self, found: Mapping[str, bytes]) -> None:
        """Outputs as `out:<id>` holds them; everything asked for counts as loaded."""
        for node, data in found.items():
            self.outputs[node] = msgspec.json.decode(data, type=Stored)
        self.missing.clear()


def _has_ended(cell: tuple[int, int, int, int, int, int]) -> bool:
    status, gen = NodeStatus(cell[0]), cell[1]
    return status.ended or gen > 1 or (gen == 1 and status is NodeStatus.PENDING)
