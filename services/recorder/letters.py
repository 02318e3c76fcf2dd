"""Dead letters of coordinators, carried into the table where people find them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec
import structlog

from minuet.bus.api import Entry, RecorderBus
from minuet.model.errors import Unavailable
from minuet.service import stopped_within
from minuet.store import history
from minuet.store.database import Database
from minuet.store.history import NewDeadLetter

from .partitions import Partitions

if TYPE_CHECKING:
    from minuet.store.database import Connection

log = structlog.get_logger()

COUNT: Final = 100
BLOCK_MS: Final = 1_000
RETRY_S: Final = 1.0


LOCK_KEY: Final = 0x6C657474657273


class DeadLetters:
    """At least once: a crash between insert and delete stores a letter twice. Of several recorders
    one at a time carries letters."""

    def __init__(self, database: Database, bus: RecorderBus, *, block_ms: int = BLOCK_MS) -> None:
        self._database = database
        self._bus = bus
        self._block_ms = block_ms
        self._partitions = Partitions(database)

    async def run(self, stop: asyncio.Event) -> None:
        """Duty."""
        while not stop.is_set():
            try:
                await self.turn()
            except (Unavailable, asyncpg.PostgresError) as error:
                log.warning("dead_letters_not_stored", reason=str(error))
                await stopped_within(stop, RETRY_S)

    async def turn(self) -> int:
        cursors = dict.fromkeys(await self._partitions.known(), "0-0")
        entries = await self._bus.read_dead(cursors, count=COUNT, block_ms=self._block_ms)
        if not entries:
            return 0
        async with self._database.connection() as c:
            await c.execute("select pg_advisory_lock($1)", LOCK_KEY)
            try:
                return await self._carry(c, cursors)
            finally:
                await c.execute("select pg_advisory_unlock($1)", LOCK_KEY)

    async def _carry(self, c: Connection, cursors: Mapping[int, str]) -> int:
        """What is still there: another recorder may have had the lock until now."""
        entries = await self._bus.read_dead(cursors, count=COUNT, block_ms=0)
        if entries:
            await self._store(c, entries)
            ids: dict[int, list[str]] = {}
            for entry in entries:
                ids.setdefault(entry.p, []).append(entry.id)
            await self._bus.delete_dead(ids)
        return len(entries)

    async def _store(self, c: Connection, entries: list[Entry]) -> None:
        fields = [
            {name: value.decode(errors="replace") for name, value in entry.fields}
            for entry in entries
        ]
        async with c.transaction():
            tenants = await history.tenants_of(c, [each.get("run", "") for each in fields])
            letters = [
                NewDeadLetter(
                    tenant=tenants.get(each.get("run", ""), ""),
                    run_id=history.without_nul(each.get("run")) or None,
                    node=history.without_nul(each.get("node")) or None,
                    kind=history.without_nul(each.get("k", "unknown")),
                    data=_data(each.get("data", "null")),
                )
                for each in fields
            ]
            await history.insert_dead_letters(c, letters)


def _data(text: str) -> object:
    """The cause as a JSON value; text that is none is kept as text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
