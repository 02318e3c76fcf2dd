"""The coordinator without its process: duties over a bus, for the main and for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from minuet.bus.api import WorkerBus
from minuet.cas.plans import PlanCache
from minuet.settings import CoordinatorSettings

from .clock import RedisClock
from .loading import Loader
from .ownership import Bus, Ownership
from .reader import Reader
from .release import ReleaseDuty
from .renewal import LeaseRenewer
from .routing import BatchRouter, Store
from .slots import SlotsDuty
from .timers import TimerDuty


class CoordinatorSide(Bus, WorkerBus, Protocol):
    """All that a coordinator asks of the bus."""


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Coordinator:
    """`run` works until `stop`; then nothing new is read, commits under way are drained and the
    leases released. Must be built inside a running event loop."""

    def __init__(
        self,
        bus: CoordinatorSide,
        renewer: LeaseRenewer,
        blobs: Store,
        settings: CoordinatorSettings,
        *,
        local_ms: Callable[[], int] = monotonic_ms,
    ) -> None:
        clock = RedisClock(local_ms)
        plans = PlanCache(blobs)
        self.ownership = Ownership(bus, renewer, clock, settings)
        self._slots = SlotsDuty(bus, self.ownership)
        router = BatchRouter(
            Loader(bus, plans, blobs), plans, blobs, clock, self._slots.share, self._slots.whole
        )
        self._release = ReleaseDuty(bus, self.ownership, router.fairness, clock)
        self._reader = Reader(
            bus, self.ownership, router, clock, batch_signals=settings.batch_signals
        )
        self._timers = TimerDuty(bus, self.ownership, clock)

    @property
    def trouble(self) -> str | None:
        """Why this coordinator takes no part, or None; it may own nothing while others own all."""
        return None if self.ownership.joined else "the number of partitions is not known yet"

    async def run(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.ownership.run(stop))
                group.create_task(self._slots.run(stop))
                group.create_task(self._release.run(stop))
                group.create_task(self._timers.run(stop))
                await self._reader.run(stop)
        finally:
            await self.ownership.close()
