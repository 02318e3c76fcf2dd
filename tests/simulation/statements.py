"""The statements of `minuet.store` that a simulation needs, over tables in memory.

Each stands in for the function of the same name and means the same; `REPLACED` says where that is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from minuet.model.signal import Start
from minuet.store.blobs import Key
from minuet.store.children import ChildState, Orphan
from minuet.store.commands import CommandRow, PendingRun, Refusal
from minuet.store.history import (
    EndedRun,
    LiveRun,
    NewDeadLetter,
    Projection,
    RunHead,
    StoredRun,
    TransitionRow,
    _check_whole,
)
from minuet.store.runs import StartRow

from .postgres import Command, RunRow, Transaction

# ── recorder ───────────────────────────────────────────────────────────────────────────────────


async def lock_partitions(c: Transaction, partitions: Iterable[int]) -> None:
    await c.trip()
    for p in sorted(partitions):
        await c.postgres.lock(p, c)


async def run_heads(c: Transaction, runs: Sequence[str]) -> dict[str, RunHead]:
    await c.trip()
    rows = {id: row for id in runs if (row := c.run(id)) is not None}
    return {id: RunHead(row.seq, row.last_commit, row.status) for id, row in rows.items()}


async def stored_commits(
    c: Transaction, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    await c.trip()
    places = set(wanted)
    return {
        (row.run_id, row.first_seq): row.commit_id
        for run, _ in wanted
        for row in c.tables.transitions.get(run, [])
        if (row.run_id, row.first_seq) in places
    }


async def insert_transitions(c: Transaction, rows: Sequence[TransitionRow]) -> None:
    await c.trip()
    rows = list(rows)
    for row in rows:
        if any(row.first_seq == old.first_seq for old in c.tables.transitions.get(row.run_id, [])):
            raise asyncpg.UniqueViolationError(f"{row.run_id} has a transition {row.first_seq}")

    def write() -> None:
        for row in rows:
            c.postgres.auditor.storing(row, c.tables)
            c.tables.transitions.setdefault(row.run_id, []).append(row)

    c.writes.append(write)


async def project(c: Transaction, projections: Sequence[Projection]) -> None:
    await c.trip()

    def write() -> None:
        for each in projections:
            row = c.tables.runs[each.run_id]
            row.seq, row.cmd, row.status = each.seq, each.cmd, each.status
            row.counter, row.last_commit = each.counter, each.last_commit
            row.restore_requested = row.fork = False
            if each.ending is not None:
                row.outputs, row.outputs_ref, row.error, _ = each.ending

    c.writes.append(write)


async def request_restores(c: Transaction, runs: Sequence[str]) -> None:
    await c.trip()

    def write() -> None:
        for id in runs:
            c.postgres.auditor.forking(id)
            c.tables.runs[id].restore_requested = c.tables.runs[id].fork = True

    c.writes.append(write)


async def insert_dead_letters(c: Transaction, letters: Sequence[NewDeadLetter]) -> None:
    await c.trip()
    c.writes.append(lambda: c.tables.letters.extend(letters))


async def insert_blobs(c: Transaction, blobs: Mapping[Key, bytes]) -> None:
    await c.trip()
    c.writes.append(lambda: c.tables.blobs.update({**blobs, **c.tables.blobs}))


async def missing_blobs(c: Transaction, keys: Sequence[Key]) -> set[Key]:
    await c.trip()
    return {key for key in keys if key not in c.tables.blobs}


async def insert_children(c: Transaction, starts: Iterable[Start]) -> None:
    await c.trip()
    left = {start.run: start for start in starts if start.parent is not None}
    while ready := [s for s in left.values() if s.parent is not None and s.parent.run not in left]:
        for start in ready:
            del left[start.run]
            _insert_child(c, start)


def _insert_child(c: Transaction, start: Start) -> None:
    assert start.parent is not None
    id, parent = start.run, start.parent.run
    if c.run(id) is not None or c.run(parent) is None:
        return
    given = {
        "parent": start.parent, "deadline_at": start.deadline_at, "returns": start.returns,
        "document": start.document,
    }  # fmt: skip
    row = StartRow(
        id=id, tenant=start.tenant, partition=int(id.split("-", 1)[0]), workflow=start.workflow,
        version=start.workflow_version, ir_digest=start.ir,
        accepted_at=datetime.fromtimestamp(start.accepted_at / 1000, UTC),
        inputs=bytes(start.inputs), inputs_ref=None, start_values=None,
        traceparent=start.traceparent, priority=start.priority,
        child=msgspec.json.decode(msgspec.json.encode(given)),
    )  # fmt: skip
    born = c.born[id] = RunRow(row, parent=parent, relayed_at=c.postgres.loop.time())
    c.writes.append(lambda: c.tables.keep_run(id, born))


async def mark_refused(c: Transaction, refused: Sequence[Refusal]) -> None:
    await c.trip()

    def write() -> None:
        for each in refused:
            for command in c.tables.commands.get(each.run_id, []):
                if command.row.number == each.number:
                    command.refused = each.reason

    c.writes.append(write)


async def beside_history(c: Transaction, rows: Collection[Any]) -> None:
    """Tables beside the history, that nothing here reads: approvals, patches, uses of blobs."""
    await c.trip()


async def deleted_among(c: Transaction, runs: Sequence[str]) -> set[str]:
    """Nobody deletes runs here."""
    await c.trip()
    return set()


# ── relay ──────────────────────────────────────────────────────────────────────────────────────


async def count_unconfirmed(c: Transaction) -> int:
    await c.trip()
    return sum(row.cmd < row.last_command and not row.ended for row in c.tables.runs.values())


async def claim_unconfirmed(
    c: Transaction, *, limit: int, least_s: float, most_s: float, starts: bool = True
) -> list[PendingRun]:
    await c.trip()
    now = c.postgres.loop.time()
    found: list[PendingRun] = []
    for id, row in c.tables.runs.items():
        waiting = [
            each for each in c.tables.commands.get(id, []) if each.row.number > max(row.cmd, 0)
        ]
        if row.ended or row.cmd >= row.last_command or not (starts or row.last_command > 0):
            continue
        first = min([each.at for each in waiting] if row.cmd >= 0 else [_accepted(row)])
        sent = row.relayed_at
        if sent is None or sent + min(most_s, max(least_s, sent - first)) <= now:
            _mark_relayed(c, row, now)
            rows = [each.row for each in waiting]
            found.append(PendingRun(id, row.start.partition, row.start, row.cmd < 0, rows))
    return found[:limit]


def _accepted(row: RunRow) -> float:
    return row.start.accepted_at.timestamp() - 1_700_000_000


def _mark_relayed(c: Transaction, row: RunRow, now: float) -> None:
    def write() -> None:
        row.relayed_at = now

    c.writes.append(write)


def add_command(
    c: Transaction, run: str, name: str, data: dict[str, Any], principal: str
) -> CommandRow | None:
    """Not a statement that is replaced: what the API does in one transaction."""
    row = c.run(run)
    if row is None or row.ended:
        return None
    row.last_command += 1
    row.relayed_at = c.postgres.loop.time()
    command = CommandRow(run, row.last_command, name, data, principal, c.postgres.now())
    c.tables.commands.setdefault(run, []).append(Command(command, c.postgres.loop.time()))
    return command


# ── reconciler ─────────────────────────────────────────────────────────────────────────────────


def _live(id: str, row: RunRow, suspect: bool) -> LiveRun:
    start = row.start
    return LiveRun(id, start.partition, row.seq, row.last_commit, suspect, start.accepted_at)


async def live_runs(c: Transaction, *, after: str, limit: int) -> list[LiveRun]:
    await c.trip()
    rows = sorted(c.tables.runs.items())
    live = [(id, row) for id, row in rows if not row.ended and row.cmd >= 0 and id > after]
    return [_live(id, row, row.fork) for id, row in live[:limit]]


async def suspect_runs(c: Transaction, *, limit: int) -> list[LiveRun]:
    await c.trip()
    rows = sorted(c.tables.runs.items())
    wanted = [(id, row) for id, row in rows if row.restore_requested and not row.ended]
    return [_live(id, row, True) for id, row in wanted[:limit]]


async def ended_suspects(c: Transaction, *, limit: int) -> list[EndedRun]:
    await c.trip()
    rows = sorted(c.tables.runs.items())
    return [
        EndedRun(id, row.start.partition, row.seq)
        for id, row in rows
        if row.restore_requested and row.ended
    ][:limit]


async def clear_ended_requests(c: Transaction, ids: Sequence[str]) -> None:
    await c.trip()

    def write() -> None:
        for row in map(c.tables.runs.__getitem__, ids):
            if row.ended:
                row.restore_requested = row.fork = False

    c.writes.append(write)


async def clear_restore_request(c: Transaction, run: LiveRun) -> None:
    await c.trip()

    def write() -> None:
        row = c.tables.runs[run.id]
        if row.last_commit == run.last_commit:
            row.restore_requested = row.fork = False

    c.writes.append(write)


async def stored_run(c: Transaction, id: str) -> StoredRun | None:
    found = (await stored_runs(c, [id])).get(id)
    if isinstance(found, ValueError):
        raise found
    return found


async def stored_runs(c: Transaction, ids: Sequence[str]) -> dict[str, StoredRun | ValueError]:
    await c.trip()
    rows = {id: row for id in ids if (row := c.tables.runs.get(id)) is not None and row.cmd >= 0}
    seen = {
        id: (row.seq, row.cmd, row.last_commit, row.status, row.fork) for id, row in rows.items()
    }
    await c.trip()
    return {id: _stored(c, id, row, seen[id]) for id, row in rows.items()}


def _stored(
    c: Transaction, id: str, row: RunRow, seen: tuple[int, int, str, int, bool]
) -> StoredRun | ValueError:
    rows = [each for each in c.tables.transitions.get(id, []) if each.last_seq <= seen[0]]
    try:
        _check_whole(id, seen[0], [(each.first_seq, each.last_seq) for each in rows])
    except ValueError as error:
        return error
    return StoredRun(row.start, *seen, [each.events for each in rows], [each.time for each in rows])


async def runs_ended_since(
    c: Transaction, partitions: Sequence[int], since: datetime, *, after: str, limit: int
) -> list[EndedRun]:
    await c.trip()
    return [
        EndedRun(id, row.start.partition, row.seq)
        for id, row in sorted(c.tables.runs.items())
        if row.ended
        and c.tables.transitions[id][-1].time >= since
        and row.start.partition in partitions
        and id > after
    ][:limit]


async def hurry(c: Transaction) -> None:
    await c.trip()

    def write() -> None:
        for row in c.tables.runs.values():
            if row.cmd < row.last_command and not row.ended:
                row.relayed_at = None

    c.writes.append(write)


async def children(c: Transaction, ids: Sequence[str]) -> list[ChildState]:
    await c.trip()
    rows = {id: row for id in ids if (row := c.tables.runs.get(id)) is not None}
    return [
        ChildState(id, row.status, row.start.child, row.outputs, row.outputs_ref, row.error)
        for id, row in rows.items()
        if row.start.child is not None
    ]


async def orphans(c: Transaction, *, limit: int) -> list[Orphan]:
    await c.trip()
    runs = c.tables.runs
    return [
        Orphan(id, row.start.partition)
        for id, row in sorted(runs.items())
        if row.parent is not None and not row.ended and row.cmd >= 0 and runs[row.parent].ended
    ][:limit]


REPLACED: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "minuet.store.history": {
        each.__name__: each
        for each in (
            lock_partitions, run_heads, stored_commits, insert_transitions, project,
            request_restores, insert_dead_letters, live_runs, suspect_runs,
            clear_restore_request, stored_run, stored_runs, runs_ended_since,
            ended_suspects, clear_ended_requests,
        )
    },
    "minuet.store.commands": {
        each.__name__: each for each in (count_unconfirmed, claim_unconfirmed, mark_refused, hurry)
    },
    "minuet.store.children": {each.__name__: each for each in (children, orphans)},
    "minuet.store.approvals": dict.fromkeys(
        ("insert_approvals", "settle_approvals", "cancel_approvals"), beside_history
    ),
    "minuet.store.patches": dict.fromkeys(("move_runs", "settle"), beside_history),
    "minuet.store.uses": {"note_uses": beside_history},
    "minuet.store.deletion": {"deleted_among": deleted_among},
    "minuet.services.recorder.writer": {
        each.__name__: each for each in (insert_blobs, insert_children)
    },
    "minuet.services.recorder.references": {"missing_blobs": missing_blobs},
}  # fmt: skip
