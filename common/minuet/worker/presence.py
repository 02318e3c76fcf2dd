"""A worker among others: announces itself, and learns how many partitions there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from minuet.bus.api import WorkerInfo
from minuet.model.errors import Unavailable
from minuet.service import stopped_within

from .options import WorkerOptions
from .ports import RuntimeBus

log = structlog.get_logger()
ASK_AGAIN_S = 0.5


class Presence:
    """`info` is what the worker tells about itself now; `serve` gets each number of partitions,
    `learn_time` what the server's clock shows."""

    def __init__(
        self,
        bus: RuntimeBus,
        info: Callable[[], WorkerInfo],
        serve: Callable[[int], None],
        learn_time: Callable[[int], None],
        options: WorkerOptions,
    ) -> None:
        self._bus = bus
        self._info = info
        self._serve = serve
        self._learn_time = learn_time
        self._options = options

    async def learn_partitions(self, stop: asyncio.Event) -> bool:
        """Wait until Redis is there and somebody has published the number; False if `stop` is set
        before."""
        if await self._ask():
            return True
        log.info("waiting_for_partitions")
        while not await stopped_within(stop, ASK_AGAIN_S):
            if await self._ask():
                return True
        return False

    async def follow_partitions(self) -> None:
        """For ever: the number may grow."""
        while True:
            await asyncio.sleep(self._options.partitions_s)
            await self._ask()

    async def _ask(self) -> bool:
        try:
            count = await self._bus.partitions()
            self._learn_time(await self._bus.now())
        except Unavailable as exc:
            log.warning("partitions_unknown", error=str(exc))
            return False
        if count is None:
            return False
        self._serve(count)
        return True

    async def keep_registered(self) -> None:
        """For ever."""
        while True:
            try:
                await self._bus.register(self._info())
            except Unavailable as exc:
                log.warning("register_failed", error=str(exc))
            await asyncio.sleep(self._options.register_s)

    async def leave(self) -> None:
        """Best effort: a worker that does not unregister is forgotten soon."""
        try:
            await self._bus.unregister(self._info().id)
        except Unavailable as exc:
            log.info("unregister_failed", error=str(exc))
