"""What workers tell beside the history: logs, starts and progress of nodes, kept as well as it
goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
import msgspec
import structlog

from minuet.bus.api import Entry, RecorderBus
from minuet.model.errors import Unavailable
from minuet.model.event import LiveEvent
from minuet.service import stopped_within
from minuet.store.database import Database
from minuet.store.history import without_nul

from . import metrics
from .partitions import Partitions

if TYPE_CHECKING:
    from minuet.store.database import Connection

log = structlog.get_logger()
_decode = msgspec.json.Decoder(LiveEvent).decode

COUNT: Final = 500
BLOCK_MS: Final = 1_000
PAUSE_S: Final = 0.2
RETRY_S: Final = 1.0


class LogLine(NamedTuple):
    """A row of `node_logs`, in the order of its columns."""

    run_id: str
    node: str
    gen: int
    attempt: int
    time: datetime
    level: str
    message: str
    fields: dict[str, Any]


class LiveRecorder:
    """Best effort: the stream is trimmed whether or not it was read. The cursor moves in the
    transaction that stores, so a line is stored once as long as one recorder runs."""

    def __init__(self, database: Database, bus: RecorderBus, *, block_ms: int = BLOCK_MS) -> None:
        self._database = database
        self._bus = bus
        self._block_ms = block_ms
        self._partitions = Partitions(database)
        self._cursors: dict[int, str] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Duty. Pauses between turns: nobody waits for these, and few large inserts are cheap."""
        while not stop.is_set():
            try:
                pause_s = PAUSE_S if await self.turn() else 0.0
            except (Unavailable, asyncpg.PostgresError) as error:
                log.warning("live_not_stored", reason=str(error))
                self._cursors, pause_s = None, RETRY_S
            await stopped_within(stop, pause_s)

    async def turn(self) -> int:
        known = await self._partitions.known()
        if self._cursors is None:
            rows = await self._database.fetch("select partition, cursor from live_cursors")
            self._cursors = {row["partition"]: row["cursor"] for row in rows}
        cursors = {p: self._cursors.get(p, "0-0") for p in known}
        entries = await self._bus.read_live(cursors, count=COUNT, block_ms=self._block_ms)
        if entries:
            moved = {entry.p: entry.id for entry in entries}
            async with self._database.transaction() as c:
                await _store(c, entries)
                await _move(c, moved)
            self._cursors.update(moved)
        return len(entries)


async def _store(c: Connection, entries: list[Entry]) -> None:
    events = [event for entry in entries if (event := _read(entry)) is not None]
    logs = [_line(event) for event in events if event.type == "node.log"]
    starts = [event for event in events if event.type == "node.started"]
    if logs:
        await c.copy_records_to_table("node_logs", records=logs, columns=LogLine._fields)
        metrics.LIVE.labels("node.log").inc(len(logs))
    if starts:
        await _store_starts(c, starts)
        metrics.LIVE.labels("node.started").inc(len(starts))
    told = [event for event in events if event.type == "node.progress"]
    if told:
        await _store_progress(c, told)
        metrics.LIVE.labels("node.progress").inc(len(told))


async def _store_starts(c: Connection, starts: list[LiveEvent]) -> None:
    await c.execute(
        "insert into node_started (run_id, node, gen, attempt, time, worker) "
        "select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], "
        "$6::text[]) order by 1, 2, 3, 4 on conflict do nothing",
        [e.run for e in starts],
        [e.node for e in starts],
        [e.gen for e in starts],
        [e.attempt for e in starts],
        [_time(e) for e in starts],
        [str(without_nul(str(e.data.get("worker", "")))) for e in starts],
    )


async def _store_progress(c: Connection, told: list[LiveEvent]) -> None:
    """The last of each execution replaces what was stored."""
    last = list({(e.run, e.node, e.gen, e.attempt): e for e in told}.values())
    await c.execute(
        "insert into node_progress (run_id, node, gen, attempt, time, fraction, message) "
        "select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], "
        "$6::float8[], $7::text[]) order by 1, 2, 3, 4 "
        "on conflict on constraint node_progress_pkey do update set id = default, "
        "time = excluded.time, fraction = excluded.fraction, message = excluded.message",
        [e.run for e in last],
        [e.node for e in last],
        [e.gen for e in last],
        [e.attempt for e in last],
        [_time(e) for e in last],
        [_fraction(e) for e in last],
        [str(without_nul(str(e.data.get("message", "")))) for e in last],
    )


def _fraction(event: LiveEvent) -> float | None:
    value = event.data.get("fraction")
    return float(value) if isinstance(value, int | float) else None


async def _move(c: Connection, cursors: Mapping[int, str]) -> None:
    await c.execute(
        "insert into live_cursors (partition, cursor) "
        "select p, cursor from unnest($1::int[], $2::text[]) as moved (p, cursor) order by p "
        "on conflict on constraint live_cursors_pkey do update set cursor = excluded.cursor",
        list(cursors),
        list(cursors.values()),
    )


def _read(entry: Entry) -> LiveEvent | None:
    """None, and a line in the log, for what no worker of ours wrote."""
    try:
        event = _decode(dict(entry.fields)["l"])
    except (KeyError, msgspec.MsgspecError) as error:
        log.warning("live_entry_unreadable", partition=entry.p, entry=entry.id, reason=str(error))
        return None
    if "\0" in event.run or "\0" in event.node:
        log.warning("live_entry_unreadable", partition=entry.p, entry=entry.id, reason="NUL")
        return None
    return event


def _line(event: LiveEvent) -> LogLine:
    data = event.data
    fields = data.get("fields")
    return LogLine(
        event.run,
        event.node,
        event.gen,
        event.attempt,
        _time(event),
        str(without_nul(str(data.get("level", "info")))),
        str(without_nul(str(data.get("message", "")))),
        without_nul(fields) if isinstance(fields, dict) else {},
    )


def _time(event: LiveEvent) -> datetime:
    return datetime.fromtimestamp(event.time / 1000, UTC)
