"""The hot loop: read signals of all owned partitions, route, commit, read on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from minuet.bus.api import CoordinatorBus, Entry
from minuet.model.errors import BusUnavailable, StoreUnavailable

from . import metrics
from .batch import decode_batch
from .clock import RedisClock
from .ownership import Ownership
from .partition import REFUSE_FROM, OwnedPartition
from .routing import BatchRouter

log = structlog.get_logger()

BLOCK_MS = 100  # bounds how late a newly acquired partition is first read
RETRY_S = 0.2
BATCH_BYTES = 8 * 1024 * 1024  # of signals, whose outputs come back in the commit


class Reader:
    def __init__(
        self,
        bus: CoordinatorBus,
        ownership: Ownership,
        router: BatchRouter,
        clock: RedisClock,
        *,
        batch_signals: int,
    ) -> None:
        self._bus = bus
        self._ownership = ownership
        self._router = router
        self._clock = clock
        self._batch_signals = batch_signals
        self._count = batch_signals  # shrinks while signals are large
        self._resting: dict[int, float] = {}  # partition -> when to read it again (loop time)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; commits under way are drained at the end."""
        while not stop.is_set():
            try:
                await self._round()
            except BusUnavailable as exc:
                log.warning("reading_failed", error=str(exc))
                await asyncio.sleep(RETRY_S)
        for partition in list(self._ownership.owned.values()):
            await partition.drained()

    async def _round(self) -> None:
        owned = self._awake()
        if not owned:
            await asyncio.sleep(BLOCK_MS / 1000)
            return
        suspect = next((each for _, each in sorted(owned.items()) if each.is_suspect), None)
        if suspect is not None:
            await self._try_alone(suspect)
            return
        entries = await self._read(owned, self._count)
        if entries:
            await self._route_all(owned, self._bounded(entries))

    def _awake(self) -> dict[int, OwnedPartition]:
        """What is owned, without the partitions that wait for the store."""
        now = asyncio.get_running_loop().time()
        self._resting = {p: until for p, until in self._resting.items() if until > now}
        return {p: each for p, each in self._ownership.owned.items() if p not in self._resting}

    async def _read(
        self, owned: Mapping[int, OwnedPartition], count: int, block_ms: int = BLOCK_MS
    ) -> dict[int, list[Entry]]:
        cursors = {p: each.cursor for p, each in owned.items()}
        entries = await self._bus.read_signals(cursors, count=count, block_ms=block_ms)
        by_partition: dict[int, list[Entry]] = {}
        for entry in entries:
            by_partition.setdefault(entry.p, []).append(entry)
        return by_partition

    def _bounded(self, by_partition: dict[int, list[Entry]]) -> dict[int, list[Entry]]:
        """What one commit a partition may answer; the rest is read again, after it."""
        bounded = {p: within_bytes(entries, BATCH_BYTES) for p, entries in by_partition.items()}
        cut = [len(bounded[p]) for p in bounded if len(bounded[p]) < len(by_partition[p])]
        self._count = min(cut) if cut else min(2 * self._count, self._batch_signals)
        return bounded

    async def _try_alone(self, suspect: OwnedPartition) -> None:
        """The first unread signal and nothing beside it: should it kill this process, whatever
        else was under way is committed, and no other signal is suspected."""
        for each in list(self._ownership.owned.values()):
            await each.drained()
        found = await self._read({suspect.p: suspect}, 1, block_ms=0)
        await self._route_all({suspect.p: suspect}, found)
        await suspect.drained()
        suspect.tried = True
        self._ownership.changed.set()  # claiming waited for this
        if not found:
            suspect.takeovers = 0

    async def _route_all(
        self, read_for: Mapping[int, OwnedPartition], by_partition: dict[int, list[Entry]]
    ) -> None:
        # A partition acquired anew while the read was under way starts at its own cursor, which
        # may be further back: entries read after the old one would skip signals.
        work = [
            self._route(partition, entries)
            for p, entries in by_partition.items()
            if (partition := self._ownership.owned.get(p)) is not None and partition is read_for[p]
        ]
        if len(work) == 1:
            await work[0]
        else:
            await asyncio.gather(*work)
        metrics.CACHED_RUNS.set(sum(len(each.states) for each in self._ownership.owned.values()))

    async def _route(self, partition: OwnedPartition, entries: list[Entry]) -> None:
        if partition.lost:
            return
        batch = decode_batch(entries)
        metrics.BATCH_SIGNALS.observe(batch.signals)
        metrics.BATCH_RUNS.observe(len(batch.runs))
        metrics.SIGNAL_LAG.set(max(0, self._clock.now() - batch.oldest_ms) / 1000)
        try:
            refuse = partition.takeovers >= REFUSE_FROM
            await self._router.route(partition, batch, refuse=refuse)
        except BusUnavailable:
            partition.give_up("unknown_outcome")
        except StoreUnavailable as exc:
            # Nothing was sent and the cursor has not moved: the same signals are read again.
            log.warning("store_unavailable", partition=partition.p, error=str(exc))
            self._resting[partition.p] = asyncio.get_running_loop().time() + RETRY_S
        else:
            partition.takeovers = 0  # only the first unread signal is suspect


def within_bytes(entries: list[Entry], limit: int) -> list[Entry]:
    """The longest beginning of at most `limit` bytes, and never nothing."""
    total = 0
    for i, entry in enumerate(entries):
        total += sum(len(value) for _, value in entry.fields)
        if total > limit and i:
            return entries[:i]
    return entries
