"""How many slots the live workers offer, by node type: decides the size of pages, and how much of
one run may be out."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

from minuet.bus.api import WorkerBus
from minuet.model.errors import BusUnavailable
from minuet.service import stopped_within

from . import metrics
from .ownership import Ownership

log = structlog.get_logger()

EVERY_S = 1.0


class SlotsDuty:
    """`whole` maps node types to their slots, `share` to those that one partition may count on."""

    def __init__(self, bus: WorkerBus, ownership: Ownership) -> None:
        self.share: dict[str, float] = {}
        self.whole: dict[str, float] = {}
        self._bus = bus
        self._ownership = ownership

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._refresh()
            except BusUnavailable as exc:
                log.warning("workers_unknown", error=str(exc))
            self._gauge()
            await stopped_within(stop, EVERY_S)

    async def _refresh(self) -> None:
        slots: Counter[str] = Counter()
        for worker in await self._bus.workers():
            for type_ in worker.types:
                slots[type_.name] += worker.slots
        # Changed in place: the router of batches holds these mappings.
        self.whole.clear()
        self.whole.update(slots)
        self.share.clear()
        partitions = max(1, self._ownership.partitions)
        self.share.update({name: count / partitions for name, count in slots.items()})

    def _gauge(self) -> None:
        total: Counter[str] = Counter()
        for partition in self._ownership.owned.values():
            total.update(partition.outstanding)
        for name, count in total.items():
            metrics.OUTSTANDING.labels(name).set(count)
