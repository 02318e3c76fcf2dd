"""Reading what the recorder stored of a run: transitions, logs, starts and progress of nodes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .database import Connection


class Transition(msgspec.Struct, frozen=True):
    """`events` is the JSON of list[Event]; the first has id `first_seq`."""

    first_seq: int
    last_seq: int
    time: datetime
    events: bytes


class LogRow(msgspec.Struct, frozen=True):
    id: int
    node: str
    gen: int
    attempt: int
    time: datetime
    level: str
    message: str
    fields: dict[str, Any]


class StartedRow(msgspec.Struct, frozen=True):
    node: str
    gen: int
    attempt: int
    time: datetime
    worker: str


class ProgressRow(msgspec.Struct, frozen=True):
    """`id` grows at every change of the row."""

    id: int
    node: str
    gen: int
    attempt: int
    time: datetime
    fraction: float | None
    message: str


_LOG = "id, node, gen, attempt, time, level, message, fields"


async def transitions_after(
    c: Connection, run: str, seq: int, *, limit: int | None = None
) -> list[Transition]:
    """The transitions whose last event is above `seq`, in order, at most `limit`."""
    rows = await c.fetch(
        "select first_seq, last_seq, time, events from transitions "
        "where run_id = $1 and last_seq > $2 and first_seq >= coalesce((select max(first_seq) "
        "from transitions where run_id = $1 and first_seq <= $2 + 1), 0) "
        "order by first_seq limit $3",
        run, seq, limit,
    )  # fmt: skip
    return [Transition(**row) for row in rows]


async def transition_with(c: Connection, run: str, seq: int) -> Transition | None:
    """The transition that event `seq` belongs to."""
    row = await c.fetchrow(
        "select first_seq, last_seq, time, events from transitions "
        "where run_id = $1 and first_seq <= $2 order by first_seq desc limit 1",
        run, seq,
    )  # fmt: skip
    return Transition(**row) if row and row["last_seq"] >= seq else None


async def logs_of_node(
    c: Connection, run: str, node: str, *, after: int, limit: int
) -> list[LogRow]:
    rows = await c.fetch(
        f"select {_LOG} from node_logs "  # noqa: S608 - a constant list of columns
        "where run_id = $1 and node = $2 and id > $3 order by id limit $4",
        run, node, after, limit,
    )  # fmt: skip
    return [LogRow(**row) for row in rows]


async def logs_of_run(c: Connection, run: str, *, after: int, limit: int) -> list[LogRow]:
    rows = await c.fetch(
        f"select {_LOG} from node_logs "  # noqa: S608 - a constant list of columns
        "where run_id = $1 and id > $2 order by id limit $3",
        run, after, limit,
    )  # fmt: skip
    return [LogRow(**row) for row in rows]


async def started_of_run(
    c: Connection, run: str, *, after: datetime | None, limit: int | None
) -> list[StartedRow]:
    """Starts of executions that workers told of, in the order of their time."""
    rows = await c.fetch(
        "select node, gen, attempt, time, worker from node_started "
        "where run_id = $1 and ($2::timestamptz is null or time > $2) order by time limit $3",
        run, after, limit,
    )  # fmt: skip
    return [StartedRow(**row) for row in rows]


async def progress_of_run(c: Connection, run: str, *, after: int, limit: int) -> list[ProgressRow]:
    """The last progress of each execution that changed since `after`, in the order of changes."""
    rows = await c.fetch(
        "select id, node, gen, attempt, time, fraction, message from node_progress "
        "where run_id = $1 and id > $2 order by id limit $3",
        run, after, limit,
    )  # fmt: skip
    return [ProgressRow(**row) for row in rows]
