"""What every role of the bus stands on: calls with their retries, and a pool for blocking reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import hiredis

from minuet.model.errors import BusUnavailable, Overloaded

from . import functions
from .address import Address
from .codes import BusFault, FunctionName, Refusal, refusal
from .keys import Keys
from .lane import Lane
from .wire import Argument, Reply

PAUSES_S: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Between the attempts of a call that the server did not execute."""


class Connection:
    """Calls raise BusUnavailable (outcome unknown if it writes), Overloaded (out of memory,
    nothing written) or BusFault. Only what the server refused to execute is sent again."""

    def __init__(self, address: Address, prefix: str = "") -> None:
        self.keys = Keys(prefix)
        self.address = address
        self._lane = Lane(address)
        self._idle: list[Lane] = []
        self._blocking: set[Lane] = set()

    @property
    def connections(self) -> int:
        """How often the calls' lane connected: more than before means that Redis may have gone
        back."""
        return self._lane.connections

    async def open(self) -> None:
        await self._lane.open()

    async def close(self) -> None:
        """Close every lane; twice is harmless."""
        blocking, self._blocking = self._blocking, set()
        self._idle.clear()
        await asyncio.gather(self._lane.close(), *(lane.close() for lane in blocking))

    async def call(self, *args: Argument) -> Reply:
        return await self._retried(self._lane, args)

    async def call_many(self, commands: Sequence[tuple[Argument, ...]]) -> list[Reply]:
        """All in one write, replies in order."""
        return list(await asyncio.gather(*(self.call(*command) for command in commands)))

    async def fcall(
        self, name: FunctionName, keys: Sequence[str | bytes], args: Sequence[Argument]
    ) -> Reply:
        return await self._retried(
            self._lane, (b"FCALL", functions.registered(name), len(keys), *keys, *args)
        )

    async def call_blocking(self, block_ms: int, *args: Argument) -> Reply:
        """A command that may keep its connection waiting for `block_ms`: it gets one of its own.

        Cancelled, it closes that connection, so that the server stops waiting too. What it had
        read by then is lost (for a consumer group: it stays pending until it is claimed).
        """
        if block_ms <= 0:
            return await self.call(*args)
        lane = self._idle.pop() if self._idle else self._new_blocking_lane()
        lane.expect_reply_within(block_ms / 1000 + 5)
        try:
            reply = await self._retried(lane, args)
        except asyncio.CancelledError:
            self._blocking.discard(lane)
            await lane.close()
            raise
        except BaseException:
            self._idle.append(lane)
            raise
        self._idle.append(lane)
        return reply

    def _new_blocking_lane(self) -> Lane:
        lane = Lane(self.address)
        self._blocking.add(lane)
        return lane

    async def _retried(self, lane: Lane, args: tuple[Argument, ...]) -> Reply:
        try:
            return await lane.call(*args)
        except hiredis.ReplyError as exc:
            error = exc
        for pause in PAUSES_S:
            await self._make_good(lane, error, pause)
            try:
                return await lane.call(*args)
            except hiredis.ReplyError as exc:
                error = exc
        raise BusUnavailable(f"Redis keeps refusing: {error}") from error

    async def _make_good(self, lane: Lane, error: hiredis.ReplyError, pause: float) -> None:
        """Whatever lets the refused command be sent again; raises if nothing does."""
        kind = refusal(error)
        if kind is Refusal.FULL:
            raise Overloaded("Redis is out of memory") from error
        if kind is Refusal.OTHER:
            raise BusFault(str(error)) from error
        if kind is Refusal.UNKNOWN_FUNCTION:
            await self._load(lane)
            return
        await asyncio.sleep(pause)
        if kind is Refusal.MOVED:
            lane.drop(str(error))

    async def _load(self, lane: Lane) -> None:
        try:
            await lane.call(b"FUNCTION", b"LOAD", functions.library())
        except hiredis.ReplyError as exc:
            if "already exists" not in str(exc):
                raise BusFault(f"cannot load the functions: {exc}") from exc
