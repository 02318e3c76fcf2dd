"""Lets held runs go on of which nothing was heard for a while."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import msgspec
import structlog

from minuet.bus.api import Fields
from minuet.bus.keys import partition_of
from minuet.model.errors import BusUnavailable
from minuet.model.signal import Continue
from minuet.service import stopped_within

from .clock import RedisClock
from .fairness import Fairness
from .ownership import Ownership

log = structlog.get_logger()

EVERY_S: Final = 1.0
_encode = msgspec.json.Encoder().encode


class Bus(Protocol):
    """The part of the bus that is needed here."""

    async def send(self, p: int, signals: list[Fields], *, not_after: int | None = None) -> int: ...


class ReleaseDuty:
    """Each second, a `continue` for every such run: routed, it finds its bound lifted. Runs of
    partitions that went to another owner are forgotten."""

    def __init__(
        self, bus: Bus, ownership: Ownership, fairness: Fairness, clock: RedisClock
    ) -> None:
        self._bus = bus
        self._ownership = ownership
        self._fairness = fairness
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        while not await stopped_within(stop, EVERY_S):
            try:
                await self.release()
            except BusUnavailable as exc:
                log.warning("held_runs_not_released", error=str(exc))

    async def release(self) -> None:
        for run in self._fairness.still(self._clock.now()):
            p = partition_of(run)
            owned = self._ownership.owned.get(p)
            if owned is None or run not in owned.states:
                self._fairness.hold(run, False, 0)
            else:
                await self._bus.send(p, [[("k", b"continue"), ("s", _encode(Continue(run=run)))]])
