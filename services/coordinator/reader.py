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
from .partition import OwnedPartition
from .routing import BatchRouter

log = structlog.get_logger()

BLOCK_MS = 100  # bounds how late a newly acquired partition is first read
RETRY_S = 0.2
ALONE_FROM = 3  # takeovers at the same signal: it is routed alone
REFUSE_FROM = 5  # and from here not routed at all: the runs that it names fail


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
        owned = dict(self._ownership.owned)
        if not owned:
            await asyncio.sleep(BLOCK_MS / 1000)
            return
        cautious = any(each.takeovers >= ALONE_FROM for each in owned.values())
        cursors = {p: each.cursor for p, each in owned.items()}
        count = 1 if cautious else self._batch_signals
        entries = await self._bus.read_signals(cursors, count=count, block_ms=BLOCK_MS)
        by_partition: dict[int, list[Entry]] = {}
        for entry in entries:
            by_partition.setdefault(entry.p, []).append(entry)
        if by_partition:
            await self._route_all(owned, by_partition)

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
        refuse = partition.takeovers >= REFUSE_FROM
        partition.takeovers = 0  # only the first unread signal is suspect
        try:
            await self._router.route(partition, batch, refuse=refuse)
        except BusUnavailable:
            partition.give_up("unknown_outcome")
        except StoreUnavailable as exc:
            # Nothing was sent and the cursor has not moved: the same signals are read again.
            log.warning("store_unavailable", partition=partition.p, error=str(exc))
            await asyncio.sleep(RETRY_S)
