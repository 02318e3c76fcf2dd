"""Writing and reading the history of runs: transitions, and their projection onto `runs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .runs import START_COLUMNS, StartRow

if TYPE_CHECKING:
    from asyncpg import Record

    from .database import Connection

# Any number will do as long as all recorders use the same one.
LOCK_CLASS = 0x7265636F


class RunHead(NamedTuple):
    """Where the stored history of a run ends."""

    seq: int
    last_commit: str
    status: int


class TransitionRow(NamedTuple):
    """A row of `transitions`, in the order of its columns."""

    run_id: str
    first_seq: int
    last_seq: int
    commit_id: str
    prev: str
    time: datetime
    events: bytes


class Ending(NamedTuple):
    """What a run ended with: JSON texts."""

    outputs: bytes | None
    outputs_ref: dict[str, Any] | None
    error: dict[str, Any] | None
    time: datetime


class Projection(NamedTuple):
    """The row of a run after a batch. `first_time` is that of its first transition in the batch."""

    run_id: str
    seq: int
    cmd: int
    status: int
    counter: int
    last_commit: str
    first_time: datetime
    ending: Ending | None = None


async def lock_partitions(c: Connection, partitions: Iterable[int]) -> None:
    """Until the transaction ends nobody else records these partitions."""
    await c.execute(
        "select pg_advisory_xact_lock($1, p) from unnest($2::int[]) as p",
        LOCK_CLASS,
        sorted(partitions),
    )


async def run_heads(c: Connection, runs: Sequence[str]) -> dict[str, RunHead]:
    """Runs that do not exist are left out."""
    rows = await c.fetch(
        "select id, seq, last_commit, status from runs where id = any($1::text[])", runs
    )
    return {id: RunHead(seq, last, status) for id, seq, last, status in rows}


async def stored_commits(
    c: Connection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """(run, first seq) -> id of the commit that is stored there."""
    rows = await c.fetch(
        "select run_id, first_seq, commit_id from transitions join "
        "unnest($1::text[], $2::bigint[]) as w (run, seq) on run_id = w.run and first_seq = w.seq",
        [run for run, _ in wanted],
        [seq for _, seq in wanted],
    )
    return {(run, seq): commit for run, seq, commit in rows}


async def insert_transitions(c: Connection, rows: Sequence[TransitionRow]) -> None:
    """The caller holds the partitions' locks and knows that the places are free."""
    await c.copy_records_to_table("transitions", records=rows, columns=TransitionRow._fields)


_PROJECT = """
update runs as r
set seq = p.seq, cmd = p.cmd, status = p.status, counter = p.counter,
    last_commit = p.last_commit, started_at = coalesce(r.started_at, p.first_time),
    restore_requested = false, fork = false
from unnest($1::text[], $2::bigint[], $3::int[], $4::smallint[], $5::int[], $6::text[],
  $7::timestamptz[]) as p (id, seq, cmd, status, counter, last_commit, first_time)
where r.id = p.id
"""

_PROJECT_ENDED = """
update runs as r
set seq = p.seq, cmd = p.cmd, status = p.status, counter = p.counter,
    last_commit = p.last_commit, started_at = coalesce(r.started_at, p.first_time),
    restore_requested = false, fork = false,
    outputs = p.outputs, outputs_ref = p.outputs_ref, error = p.error,
    ended_at = coalesce(r.ended_at, p.ended_at)
from unnest($1::text[], $2::bigint[], $3::int[], $4::smallint[], $5::int[], $6::text[],
  $7::timestamptz[], $8::bytea[], $9::jsonb[], $10::jsonb[], $11::timestamptz[])
  as p (id, seq, cmd, status, counter, last_commit, first_time, outputs, outputs_ref, error,
    ended_at)
where r.id = p.id
"""


async def project(c: Connection, projections: Sequence[Projection]) -> None:
    """Bring the rows of runs up to date; each run at most once. A run whose restoring transition
    is among the stored ones wants no restore any more: only what follows is ever stored."""
    going = [p for p in projections if p.ending is None]
    ended = [p for p in projections if p.ending is not None]
    if going:
        await c.execute(_PROJECT, *_columns(going))
    if ended:
        endings = [p.ending for p in ended if p.ending is not None]
        columns = [list(column) for column in zip(*endings, strict=True)]
        await c.execute(_PROJECT_ENDED, *_columns(ended), *columns)


def _columns(projections: Sequence[Projection]) -> list[list[Any]]:
    return [list(column) for column in zip(*(p[:7] for p in projections), strict=True)]


async def request_restores(c: Connection, runs: Sequence[str]) -> None:
    """Mark runs whose Redis state does not follow the stored history."""
    await c.execute(
        "update runs set restore_requested = true, fork = true where id = any($1::text[])",
        sorted(runs),
    )


class NewDeadLetter(msgspec.Struct, frozen=True):
    tenant: str
    run_id: str | None
    node: str | None
    kind: str
    data: Any


async def insert_dead_letters(c: Connection, letters: Sequence[NewDeadLetter]) -> None:
    await c.executemany(
        "insert into dead_letters (tenant, run_id, node, kind, data) values ($1, $2, $3, $4, $5)",
        [(x.tenant, x.run_id, x.node, x.kind, without_nul(x.data)) for x in letters],
    )


async def tenants_of(c: Connection, runs: Sequence[str]) -> Mapping[str, str]:
    rows = await c.fetch("select id, tenant from runs where id = any($1::text[])", runs)
    return {row["id"]: row["tenant"] for row in rows}


def without_nul(value: Any) -> Any:
    """The JSON value with U+FFFD in place of NUL, which neither text nor jsonb can hold."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {without_nul(k): without_nul(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    return value


class LiveRun(NamedTuple):
    """What the reconciler compares with Redis. `suspect` asks for a restore, live or not."""

    id: str
    partition: int
    seq: int
    last_commit: str
    suspect: bool
    accepted_at: datetime


class StoredRun(NamedTuple):
    """A run with its whole history, in order: what a restore is made of. `times` are those of the
    transitions. `refused`: how many transitions of it Postgres refused so far, 0 if none of them
    followed this very history."""

    start: StartRow
    seq: int
    cmd: int
    last_commit: str
    status: int
    fork: bool
    events: list[bytes]
    times: list[datetime]
    refused: int = 0


async def live_runs(c: Connection, *, after: str, limit: int) -> list[LiveRun]:
    """Runs that began and did not end, by id."""
    rows = await c.fetch(
        "select id, partition, seq, last_commit, fork, accepted_at from runs "
        "where status < 6 and cmd >= 0 and id > $1 order by id limit $2",
        after,
        limit,
    )
    return [LiveRun(*row) for row in rows]


async def suspect_runs(c: Connection, *, limit: int) -> list[LiveRun]:
    """Live runs for which the recorder asked for a restore."""
    rows = await c.fetch(
        "select id, partition, seq, last_commit, true, accepted_at from runs "
        "where restore_requested and status < 6 order by id limit $1",
        limit,
    )
    return [LiveRun(*row) for row in rows]


async def clear_restore_request(c: Connection, run: LiveRun) -> None:
    """Redis stands where the history ends: nothing is left to restore."""
    await c.execute(
        "update runs set restore_requested = false, fork = false "
        "where id = $1 and last_commit = $2 and restore_requested",
        run.id,
        run.last_commit,
    )


class EndedRun(NamedTuple):
    id: str
    partition: int
    seq: int


async def runs_ended_since(
    c: Connection, partitions: Sequence[int], since: datetime, *, after: str, limit: int
) -> list[EndedRun]:
    """Runs of these partitions that ended at `since` or later, by id."""
    rows = await c.fetch(
        "select id, partition, seq from runs where status >= 6 and ended_at >= $1 "
        "and partition = any($2::int[]) and id > $3 order by id limit $4",
        since, partitions, after, limit,
    )  # fmt: skip
    return [EndedRun(*row) for row in rows]


async def ended_suspects(c: Connection, *, limit: int) -> list[EndedRun]:
    """Runs that have ended and of which the recorder refused something nonetheless."""
    rows = await c.fetch(
        "select id, partition, seq from runs where restore_requested and status >= 6 "
        "order by id limit $1",
        limit,
    )
    return [EndedRun(*row) for row in rows]


async def clear_ended_requests(c: Connection, ids: Sequence[str]) -> None:
    """There is nothing to restore of a run that has ended."""
    await c.execute(
        "update runs set restore_requested = false, fork = false "
        "where id = any($1::text[]) and status >= 6",
        ids,
    )


_STORED = f"""
select {START_COLUMNS}, r.seq, r.cmd, r.last_commit, r.status, r.fork, (
  select case when bool_or(d.data->>'prev' = r.last_commit) then count(*) else 0 end
  from dead_letters as d where d.run_id = r.id and d.kind = 'refused_transition') as refused
from runs as r
where r.id = any($1::text[]) and r.cmd >= 0
"""  # noqa: S608 - constant columns


async def stored_run(c: Connection, id: str) -> StoredRun | None:
    """The run as it is recorded now; None if it has no history yet. Raises ValueError if the
    history has a gap."""
    found = (await stored_runs(c, [id])).get(id)
    if isinstance(found, ValueError):
        raise found
    return found


async def stored_runs(c: Connection, ids: Sequence[str]) -> dict[str, StoredRun | ValueError]:
    """The runs as they are recorded now, without those that have no history yet; in place of one
    whose history has a gap the error that says so.

    Only transitions up to a row's seq count: the recorder may store more between the two reads.
    """
    rows = {row["id"]: row for row in await c.fetch(_STORED, ids)}
    transitions: dict[str, list[Record]] = {id: [] for id in rows}
    for row in await c.fetch(
        "select t.run_id, t.first_seq, t.last_seq, t.events, t.time from transitions as t "
        "join unnest($1::text[], $2::bigint[]) as w (id, seq) on t.run_id = w.id "
        "where t.last_seq <= w.seq order by t.run_id, t.first_seq",
        list(rows), [row["seq"] for row in rows.values()],
    ):  # fmt: skip
        transitions[row["run_id"]].append(row)
    return {id: _stored(row, transitions[id]) for id, row in rows.items()}


def _stored(row: Record, transitions: list[Record]) -> StoredRun | ValueError:
    *start, seq, cmd, last_commit, status, fork, refused = row
    try:
        _check_whole(row["id"], seq, [(t["first_seq"], t["last_seq"]) for t in transitions])
    except ValueError as error:
        return error
    return StoredRun(
        StartRow(*start), seq, cmd, last_commit, status, fork,
        [t["events"] for t in transitions], [t["time"] for t in transitions], refused,
    )  # fmt: skip


def _check_whole(id: str, seq: int, spans: Sequence[tuple[int, int]]) -> None:
    end = 0
    for first, last in spans:
        if first != end + 1:
            raise ValueError(f"the history of {id} has a gap before event {first}")
        end = last
    if end != seq:
        raise ValueError(f"the history of {id} ends at event {end}, its row says {seq}")
