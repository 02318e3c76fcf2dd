"""The recorder's loop: read what coordinators committed, store it, delete exactly that."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Protocol

import asyncpg
import msgspec
import structlog

from minuet.bus.api import CacheBus, Fields, RecorderBus, SignalBus
from minuet.bus.keys import partition_of
from minuet.cas.cas import TTL_S
from minuet.model.errors import Unavailable
from minuet.model.signal import Archived
from minuet.service import stopped_within
from minuet.store.database import Database

from . import metrics
from .batch import Batch, batches
from .chain import Verdict
from .partitions import Partitions
from .writer import Writer

log = structlog.get_logger()

FIRST_COUNT: Final = 4  # entries a partition: one holds up to 512 signals' worth of transitions
LAST_COUNT: Final = 64
READ_BYTES: Final = 32 * 1024 * 1024
BLOCK_MS: Final = 500
BUSY_TRANSITIONS: Final = 64
GATHER_S: Final = 0.02
FIRST_BACKOFF_S: Final = 0.05
LAST_BACKOFF_S: Final = 2.0
START: Final = "0-0"

_encode = msgspec.json.Encoder().encode


class Bus(RecorderBus, SignalBus, CacheBus, Protocol):
    """The part of the bus that the recorder uses."""


class Recorder:
    """Several may run at once: they queue for a partition and drop what the other stored.

    There is no cursor: every turn reads from the beginning, because what was stored is deleted.
    A crash at any point only leads to reading again what is then dropped as a duplicate.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        block_ms: int = BLOCK_MS,
        blob_ttl_s: int = TTL_S,
    ) -> None:
        self._bus = bus
        self._block_ms = block_ms
        self._writer = Writer(database, bus, blob_ttl_s=blob_ttl_s)
        self._partitions = Partitions(database)
        self._trouble: str | None = "starting"
        self._count = FIRST_COUNT

    @property
    def trouble(self) -> str | None:
        """Why nothing is being recorded, None if all is well: for /readyz."""
        return self._trouble

    async def run(self, stop: asyncio.Event) -> None:
        """Duty. Whatever is away is tried again with growing distance; nothing is lost."""
        backoff_s = FIRST_BACKOFF_S
        while not stop.is_set():
            try:
                recorded = await self.turn()
            except (Unavailable, asyncpg.PostgresError) as error:
                self._note(error)
                await stopped_within(stop, backoff_s)
                backoff_s = min(2 * backoff_s, LAST_BACKOFF_S)
                continue
            self._trouble = None
            backoff_s = FIRST_BACKOFF_S
            if recorded >= BUSY_TRANSITIONS:
                # More is on its way: few large transactions cost less than many small ones.
                await stopped_within(stop, GATHER_S)

    async def turn(self) -> int:
        """Record what is there, or wait for the first entry; how many transitions were read."""
        cursors = dict.fromkeys(await self._partitions.known(), START)
        entries = await self._bus.read_events(cursors, count=self._count, block_ms=self._block_ms)
        size_bytes = sum(len(value) for entry in entries for _, value in entry.fields)
        self._count = next_count(self._count, size_bytes)
        _note_lag([entry.id for entry in entries])
        recorded = 0
        for batch in batches(entries):
            await self._record(batch)
            recorded += len(batch.items)
        metrics.LAG_ENTRIES.set(0)
        metrics.LAG_SECONDS.set(0)
        return recorded

    async def _record(self, batch: Batch) -> None:
        """Store, tell, delete: in this order, so that a crash repeats and never forgets."""
        if batch.unreadable:
            await self._writer.bury_unreadable(batch.unreadable)
        if batch.items:
            verdicts = await self._writer.write(batch.ids, batch.items)
            await self._announce(verdicts)
            await self._send_archived(verdicts)
        await self._bus.delete_events(batch.ids)

    async def _announce(self, verdicts: Iterable[Verdict]) -> None:
        runs = [
            [p.run_id, p.seq, p.cmd, p.status]
            for verdict in verdicts
            for p in verdict.projections.values()
        ]
        if runs:
            await self._bus.announce(_encode({"runs": runs}))

    async def _send_archived(self, verdicts: Iterable[Verdict]) -> None:
        signals: defaultdict[int, list[Fields]] = defaultdict(list)
        for verdict in verdicts:
            for run, seq in verdict.ended.items():
                text = _encode(Archived(run=run, seq=seq))
                signals[partition_of(run)].append([("k", b"archived"), ("s", text)])
        for p, of_p in signals.items():
            await self._bus.send(p, of_p)

    def _note(self, error: Exception) -> None:
        code = error.code if isinstance(error, Unavailable) else "postgres"
        self._trouble = f"{code}: {error}"
        metrics.FAILURES.labels(code).inc()
        # What is away heals itself; an answer that refuses our statements needs a person.
        report = log.warning if isinstance(error, Unavailable) else log.error
        report("recording_failed", code=code, reason=str(error))


def next_count(count: int, size_bytes: int) -> int:
    """How many entries of a partition to read after `count` of each came to `size_bytes`.

    Entries have up to 8 MiB, and after an outage many wait: what is read must fit into memory.
    """
    return max(1, count // 2) if size_bytes > READ_BYTES else min(LAST_COUNT, 2 * count)


def _note_lag(ids: list[str]) -> None:
    """Ids of entries start with the ms at which Redis took them."""
    metrics.LAG_ENTRIES.set(len(ids))
    if ids:
        oldest_ms = min(int(id.split("-")[0]) for id in ids)
        metrics.LAG_SECONDS.set(max(0.0, time.time() - oldest_ms / 1000))
