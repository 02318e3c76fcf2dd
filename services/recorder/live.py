"""What workers tell beside the history: logs, starts and progress of nodes and what models say,
kept as well as it goes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
import msgspec
import structlog

from minuet.bus.api import Entry, RecorderBus, id_order
from minuet.model.errors import Unavailable
from minuet.model.event import LiveEvent
from minuet.service import stopped_within
from minuet.store import live, turns
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
LARGEST_INT: Final = 2**31 - 1
LAST_MS: Final = 253_402_300_799_000  # the end of the year 9999


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
    transaction that stores, and what several recorders have read the first of them stores."""

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
            async with self._database.connection() as c:
                self._cursors = await live.live_cursors(c)
        cursors = {p: self._cursors.get(p, "0-0") for p in known}
        entries = await self._bus.read_live(cursors, count=COUNT, block_ms=self._block_ms)
        if entries:
            async with self._database.transaction() as c:
                reached = await live.lock_cursors(c, {entry.p for entry in entries})
                fresh = [e for e in entries if id_order(e.id) > id_order(reached[e.p])]
                reached |= {entry.p: entry.id for entry in fresh}
                if fresh:
                    await _store(c, fresh)
                    await live.move_cursors(c, reached)
            self._cursors.update(reached)
        return len(entries)


async def _store(c: Connection, entries: list[Entry]) -> None:
    events = [event for entry in entries if (event := _read(entry)) is not None]
    logs = [_line(event) for event in events if event.type == "node.log"]
    starts = [event for event in events if event.type == "node.started"]
    if logs:
        await c.copy_records_to_table("node_logs", records=logs, columns=LogLine._fields)
        metrics.LIVE.labels("node.log").inc(len(logs))
    if starts:
        await live.store_starts(c, starts)
        metrics.LIVE.labels("node.started").inc(len(starts))
    told = [event for event in events if event.type == "node.progress"]
    if told:
        await live.store_progress(c, told)
        metrics.LIVE.labels("node.progress").inc(len(told))
    said = [event for event in events if event.type in ("node.delta", "node.turn")]
    if said:
        await turns.store_turns(c, said)
        metrics.LIVE.labels("node.turn").inc(len(said))


def _read(entry: Entry) -> LiveEvent | None:
    """None, and a line in the log, for what no worker of ours wrote."""
    try:
        event = _decode(dict(entry.fields)["l"])
    except (KeyError, msgspec.MsgspecError) as error:
        log.warning("live_entry_unreadable", partition=entry.p, entry=entry.id, reason=str(error))
        return None
    if reason := _unfit(event):
        log.warning("live_entry_unreadable", partition=entry.p, entry=entry.id, reason=reason)
        return None
    return event


def _unfit(event: LiveEvent) -> str | None:
    """Why no row can hold the event: one that Postgres refused would hold up all that follow."""
    if "\0" in event.run or "\0" in event.node:
        return "NUL"
    if not all(0 <= number <= LARGEST_INT for number in (event.gen, event.attempt)):
        return "gen or attempt out of range"
    if not 0 <= event.time <= LAST_MS:
        return "time out of range"
    return None


def _line(event: LiveEvent) -> LogLine:
    data = event.data
    fields = data.get("fields")
    return LogLine(
        event.run,
        event.node,
        event.gen,
        event.attempt,
        live.instant(event),
        str(without_nul(str(data.get("level", "info")))),
        str(without_nul(str(data.get("message", "")))),
        without_nul(fields) if isinstance(fields, dict) else {},
    )
