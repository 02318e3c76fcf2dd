"""Takes over what dead workers left: entries of our types that nobody has renewed for a lease."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import structlog

from minuet.bus.api import WorkerBus
from minuet.model.errors import Unavailable

from .metrics import CLAIMS
from .options import WorkerOptions
from .outcome import cancelled, failed, worker_lost
from .taker import Stream

log = structlog.get_logger()
CLAIM_LIMIT = 100


class Reclaimer:
    """Goes over all streams every third of a lease, at random moments, so that workers do not
    all look at once. The claimed tokens go back to their stream; whoever is free takes them."""

    def __init__(
        self,
        *,
        bus: WorkerBus,
        consumer: str,
        streams: Callable[[], Sequence[Stream]],
        options: WorkerOptions,
    ) -> None:
        self._bus = bus
        self._consumer = consumer
        self._streams = streams
        self._options = options
        self._lost = failed(worker_lost(), worker=consumer)
        self._cancelled = failed(cancelled(), worker=consumer)

    async def run(self) -> None:
        """For ever."""
        period_s = self._options.lease_ms / 3000
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * period_s)
            await self.sweep()

    async def sweep(self) -> None:
        """Claim from every stream once, in random order."""
        streams = list(self._streams())
        random.shuffle(streams)
        try:
            for type, p in streams:
                await self._claim(type, p)
        except Unavailable as exc:
            log.warning("claim_failed", error=str(exc))

    async def _claim(self, type: str, p: int) -> None:
        claimed = await self._bus.claim(
            p,
            type,
            self._consumer,
            min_idle_ms=self._options.lease_ms,
            limit=CLAIM_LIMIT,
            max_deliveries=self._options.max_deliveries,
            lost=self._lost,
            cancelled=self._cancelled,
        )
        if claimed:
            CLAIMS.labels(type).inc(claimed)
            log.info("entries_claimed", type=type, partition=p, count=claimed)
