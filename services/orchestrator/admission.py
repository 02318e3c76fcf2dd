"""Whether new runs may be started: read from Redis once a second, asked at every start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from minuet.model.errors import BusUnavailable, Overloaded

from .metrics import OPEN, REDIS_MEMORY, STARTS_REFUSED, UNRECORDED
from .ports import Bus

log = structlog.get_logger(__name__)

INTERVAL_S: Final = 1.0
MEMORY_MARK: Final = 0.75
MEMORY_CLEAR: Final = 0.65
UNRECORDED_MARK: Final = 50_000
UNRECORDED_CLEAR: Final = 40_000
RETRY_AFTER_S: Final = 5.0


class Admission:
    """Closes at a mark and opens again well below it, so that it does not flap where load and
    relief are in balance. What it judges is work that begins: commands of runs under way and
    cancels are never held back.

    While Redis is away starts are accepted: their rows stand, and the relay brings them later.

    `redis_now` is the Redis time of the last look in ms, 0 before the first. It is older than any
    row written since, which is what `not_after` of a start must build on.
    """

    def __init__(self, bus: Bus, partitions: Callable[[], int]) -> None:
        self._bus = bus
        self._partitions = partitions
        self._reason: str | None = None
        self.redis_now = 0

    @property
    def reason(self) -> str | None:
        """Why starts are held back now, or None."""
        return self._reason

    @property
    def overloaded(self) -> bool:
        return self._reason is not None

    def check(self) -> None:
        """Raises Overloaded if a start would be too much now."""
        if self._reason is not None:
            STARTS_REFUSED.inc()
            raise Overloaded(self._reason, retry_after_s=RETRY_AFTER_S)

    async def watch(self) -> None:
        """Duty: look once a second."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        try:
            self.redis_now = await self._bus.now()
            info = await self._bus.server_info()
            unrecorded = await self._bus.unrecorded(self._partitions())
        except BusUnavailable as error:
            log.warning("redis_away", reason=str(error))
            return
        REDIS_MEMORY.set(info.memory_fraction)
        UNRECORDED.set(unrecorded)
        self.decide(info.memory_fraction, unrecorded)

    def decide(self, ratio: float, unrecorded: int) -> None:
        """Judge what was just seen: Redis memory as a part of its maximum, and commits."""
        before = self._reason
        memory, commits = (MEMORY_MARK, UNRECORDED_MARK)
        if before is not None:
            memory, commits = (MEMORY_CLEAR, UNRECORDED_CLEAR)
        self._reason = None
        if ratio > memory:
            self._reason = f"Redis uses {ratio:.0%} of its memory"
        elif unrecorded > commits:
            self._reason = f"{unrecorded} commits wait to be recorded"
        OPEN.set(self._reason is None)
        if (before is None) != (self._reason is None):
            log.warning("admission_changed", open=self._reason is None, reason=self._reason)
