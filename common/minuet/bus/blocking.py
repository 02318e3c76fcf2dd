"""Connections for commands that wait: each is busy with one command at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from minuet.model.errors import MinuetError

from .address import Address
from .lane import Lane
from .wire import Reply

ASK_AGAIN_S = 0.05

Run = Callable[[Lane], Awaitable[Reply]]
Rescue = Callable[[Reply], Awaitable[None]]


class BlockingPool:
    """As many lanes as commands wait at once, kept for the next ones.

    `unblock` tells the server that the client of that id need not wait any longer.
    """

    def __init__(self, address: Address, unblock: Callable[[int], Awaitable[Reply]]) -> None:
        self._address = address
        self._unblock = unblock
        self._idle: list[Lane] = []
        self._all: set[Lane] = set()
        self._abandoned: set[asyncio.Task[None]] = set()

    async def run(self, block_ms: int, run: Run, rescue: Rescue | None = None) -> Reply:
        """`run` on a lane of its own. If the caller is cancelled the server is told to stop
        waiting, and what it had found by then goes to `rescue`."""
        lane = self._idle.pop() if self._idle else self._new_lane()
        lane.expect_reply_within(block_ms / 1000 + 5)
        task = asyncio.ensure_future(run(lane))
        try:
            reply = await asyncio.shield(task)
        except asyncio.CancelledError:
            self._abandon(lane, task, rescue)
            raise
        except MinuetError:
            self._idle.append(lane)
            raise
        self._idle.append(lane)
        return reply

    async def close(self) -> None:
        """Wait for what was abandoned, then close all; twice is harmless."""
        await asyncio.gather(*self._abandoned, return_exceptions=True)
        lanes, self._all = self._all, set()
        self._idle.clear()
        await asyncio.gather(*(lane.close() for lane in lanes))

    def _new_lane(self) -> Lane:
        lane = Lane(self._address)
        self._all.add(lane)
        return lane

    def _abandon(self, lane: Lane, task: asyncio.Future[Reply], rescue: Rescue | None) -> None:
        cleaning = asyncio.ensure_future(self._settle(lane, task, rescue))
        self._abandoned.add(cleaning)
        cleaning.add_done_callback(self._abandoned.discard)

    async def _settle(self, lane: Lane, task: asyncio.Future[Reply], rescue: Rescue | None) -> None:
        try:
            # The command may reach the server after the first request to stop it: ask again.
            while not task.done():
                await self._unblock(lane.client_id)
                await asyncio.wait({task}, timeout=ASK_AGAIN_S)
            reply = task.result()
            if reply and rescue is not None:
                await rescue(reply)
        except MinuetError:
            # Redis is away: entries that it had handed out are claimed after their lease.
            task.cancel()
            self._all.discard(lane)
            await lane.close()
        else:
            self._idle.append(lane)
