"""Moves due timers into signals."""

from __future__ import annotations

import asyncio

import structlog

from minuet.bus.api import CoordinatorBus
from minuet.model.errors import BusUnavailable
from minuet.service import stopped_within

from .clock import RedisClock
from .ownership import Ownership
from .partition import OwnedPartition

log = structlog.get_logger()

TICK_S = 0.02  # a timer set meanwhile is noticed this late at most
RETRY_S = 0.2
FIRE_LIMIT = 500


class TimerDuty:
    """Asks Redis only about partitions whose next timer is due by this process's knowledge;
    Redis decides by its own clock, so a timer never fires early."""

    def __init__(self, bus: CoordinatorBus, ownership: Ownership, clock: RedisClock) -> None:
        self._bus = bus
        self._ownership = ownership
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if due := self._due():
                # Of a cluster one node may be away: the others' timers do not wait for it.
                fired = await asyncio.gather(*(self._fire(partition) for partition in due))
                if not all(fired):
                    await stopped_within(stop, RETRY_S)
            await asyncio.sleep(TICK_S)

    def _due(self) -> list[OwnedPartition]:
        now = self._clock.now()
        return [
            each
            for each in self._ownership.owned.values()
            if each.next_timer_at is not None and each.next_timer_at <= now
        ]

    async def _fire(self, partition: OwnedPartition) -> bool:
        """False if Redis was away."""
        # Cleared first: a commit that adds an earlier timer while we ask must not be forgotten.
        partition.next_timer_at = None
        try:
            next_at = await self._bus.fire_timers(partition.p, limit=FIRE_LIMIT)
        except BusUnavailable as exc:
            partition.note_timer(0)
            log.warning("firing_failed", partition=partition.p, error=str(exc))
            return False
        if next_at is not None:
            partition.note_timer(next_at)
        return True
