"""What must hold at the end: over the recorded history of every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec

from minuet.ir.fold import fold, plans_needed
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.event import Event
from minuet.model.ir import Ir
from minuet.model.status import RunStatus
from minuet.model.token import idempotency_key
from minuet.services.orchestrator.start import start_of

from .postgres import Postgres, RunRow, Tables
from .surroundings import kept_plan
from .watch import Kept

NUMBERED = ("run.paused", "run.resumed", "message.received", "patch.applied", "command.refused")
ANSWERED = ("pause", "resume", "message", "patch")
_decode = msgspec.json.Decoder(list[Event]).decode
_decode_ir = msgspec.json.Decoder(Ir).decode
Fail = Callable[[str], None]


class Judge:
    """`kept` are states that were committed; those that a loss of Redis undid are passed over."""

    def __init__(self, postgres: Postgres, kept: dict[tuple[str, str], Kept], fail: Fail) -> None:
        self._tables: Tables = postgres.tables
        self._kept = kept
        self._fail = fail
        self.events: Counter[str] = Counter()

    def judge(self) -> None:
        for id, run in self._tables.runs.items():
            self._judge(id, run)

    def _judge(self, id: str, run: RunRow) -> None:
        rows = self._tables.transitions.get(id, [])
        events = [event for row in rows for event in _decode(row.events)]
        self.events.update(event.type for event in events)
        if len(events) != run.seq:
            self._fail(f"{id} has {len(events)} events, its row says {run.seq}")
        self._judge_end(id, run, events)
        self._judge_executions(id, events)
        self._judge_commands(id, run, events)
        self._judge_states(id, run, events)

    def _judge_end(self, id: str, run: RunRow, events: list[Event]) -> None:
        ends = [event for event in events if event.type == "run.ended"]
        if len(ends) != 1:
            self._fail(f"{id} has {len(ends)} ends")
        after = [event.type for event in events[events.index(ends[0]) + 1 :] if ends]
        if any(type_ != "warning" for type_ in after):
            self._fail(f"{id} goes on after its end: {after}")
        if ends[0].data["status"] != RunStatus(run.status).word or run.counter != 0:
            self._fail(f"{id} ended {ends[0].data['status']}, its row says {run.status}")

    def _judge_executions(self, id: str, events: list[Event]) -> None:
        ended: Counter[tuple[str, int]] = Counter()
        for event in events:
            if event.type != "node.ended" or event.data["status"] == "skipped":
                continue  # what is skipped was never armed: it tells the generation before
            node, gen = event.node or "", event.gen or 0
            ended[node, gen] += 1
            if ended[node, gen] > 1:
                self._fail(f"{id}/{node}/{gen} is recorded twice")
            output = event.data.get("output")
            key = output.get("key") if isinstance(output, dict) else None
            if key is not None and key != idempotency_key(id, node, gen):
                self._fail(f"{id}/{node}/{gen} has the result of another execution")

    def _judge_commands(self, id: str, run: RunRow, events: list[Event]) -> None:
        numbers = [event.data["number"] for event in events if event.type in NUMBERED]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            self._fail(f"commands of {id} were applied as {numbers}")
        passed_over = {
            each.row.number
            for each in self._tables.commands.get(id, [])
            if each.row.number <= run.cmd and each.row.name in ANSWERED
        } - set(numbers)
        # A cancel that came before the run was sent ends it with its start.
        begun = [event.type for event in _decode(self._tables.transitions[id][0].events)]
        if passed_over and "run.ended" not in begun:
            self._fail(f"commands {passed_over} of {id} were passed over")
        if run.cmd > run.last_command:
            self._fail(f"{id} applied command {run.cmd} of {run.last_command}")
        refused = {event.data["number"] for event in events if event.type == "command.refused"}
        marked = {
            each.row.number
            for each in self._tables.commands.get(id, [])
            if each.refused is not None
        }
        if not marked <= refused:
            self._fail(f"commands {marked - refused} of {id} are marked as refused")

    def _judge_states(self, id: str, run: RunRow, events: list[Event]) -> None:
        """Folding a prefix of the history gives the state that Redis held after its last commit."""
        # A commit may hold two transitions of a run: a restore, and what it let happen.
        ends = {row.commit_id: row.last_seq for row in self._tables.transitions.get(id, [])}
        for commit, seq in ends.items():
            kept = self._kept.get((id, commit))
            if kept is not None:
                self._compare(id, run, events[:seq], kept)

    def _compare(self, id: str, run: RunRow, events: list[Event], kept: Kept) -> None:
        start = start_of(run.start)
        plans = {digest: self._plan(start.tenant, digest) for digest in plans_needed(events)}
        folded = fold(self._plan(start.tenant, start.ir), start, events, plans)
        there = RunState.from_hash(folded.plan, start, kept.fields)
        there.add_outputs(kept.outputs)
        folded.cmd, folded.last = there.cmd, there.last
        self._same(id, "head", folded.head(), there.head())
        self._same(id, "nodes", folded.records(), there.records())
        self._same(id, "rest", folded.rest, there.rest)
        if not folded.status.ended:
            names = folded.plan.kept & folded.outputs.keys()
            mine = {name: folded.outputs[name] for name in names}
            self._same(id, "outputs", mine, {n: there.outputs.get(n) for n in names})

    def _same(self, id: str, what: str, folded: Any, there: Any) -> None:
        if folded != there:
            self._fail(f"{what} of {id}: history gives {folded}, Redis had {there}")

    def _plan(self, tenant: str, digest: str) -> Plan:
        return kept_plan(_decode_ir(self._tables.blobs[tenant, digest]), digest)
