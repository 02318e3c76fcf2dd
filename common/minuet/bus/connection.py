"""What every role of the bus stands on: calls, with their retries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import hiredis

from minuet.model.errors import BusUnavailable, Overloaded

from . import functions
from .address import Address
from .blocking import BlockingPool, Rescue
from .codes import BusFault, FunctionName, Refusal, refusal
from .keys import Keys
from .lane import Lane
from .wire import Argument, Reply

PAUSES_S: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Between the attempts of a call that the server did not execute."""


class Connection:
    """Calls raise BusUnavailable (outcome unknown if it writes), Overloaded (out of memory,
    nothing written) or BusFault. Only what the server refused to execute is sent again."""

    def __init__(self, address: Address, prefix: str = "", *, patience_s: float = 2.0) -> None:
        self.keys = Keys(prefix)
        self.address = address
        self._lane = Lane(address, patience_s=patience_s)
        self._blocking = BlockingPool(
            address, lambda client_id: self.call(b"CLIENT", b"UNBLOCK", client_id)
        )

    @property
    def connections(self) -> int:
        """How often the calls' lane connected."""
        return self._lane.connections

    @property
    def trouble(self) -> str | None:
        return self._lane.trouble

    async def open(self) -> None:
        await self._lane.open()

    async def close(self) -> None:
        """Close every lane; twice is harmless."""
        await self._blocking.close()
        await self._lane.close()

    async def call(self, *args: Argument) -> Reply:
        return await self._retried(self._lane, args)

    async def call_many(self, commands: Sequence[tuple[Argument, ...]]) -> list[Reply]:
        """All in one write, replies in order."""
        futures = [await self._lane.submit(*command) for command in commands]
        replies = await asyncio.gather(*futures, return_exceptions=True)
        return [
            await self._second_try(command, reply) if isinstance(reply, BaseException) else reply
            for command, reply in zip(commands, replies, strict=True)
        ]

    async def fcall(
        self, name: FunctionName, keys: Sequence[str | bytes], args: Sequence[Argument]
    ) -> Reply:
        return await self._retried(
            self._lane, (b"FCALL", functions.registered(name), len(keys), *keys, *args)
        )

    async def call_blocking(
        self, block_ms: int, *args: Argument, rescue: Rescue | None = None
    ) -> Reply:
        """A command that may keep its connection waiting for `block_ms`: it gets one of its own.

        If the caller is cancelled meanwhile, a reply that came nonetheless goes to `rescue`.
        """
        if block_ms <= 0 and rescue is None:
            return await self.call(*args)
        return await self._blocking.run(block_ms, lambda lane: self._retried(lane, args), rescue)

    async def _retried(self, lane: Lane, args: tuple[Argument, ...]) -> Reply:
        try:
            return await lane.call(*args)
        except hiredis.ReplyError as exc:
            return await self._retry(lane, args, exc)

    async def _second_try(self, args: tuple[Argument, ...], error: BaseException) -> Reply:
        if isinstance(error, hiredis.ReplyError):
            return await self._retry(self._lane, args, error)
        raise error

    async def _retry(
        self, lane: Lane, args: tuple[Argument, ...], error: hiredis.ReplyError
    ) -> Reply:
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
            if "already exists" in str(exc):
                return
            if refusal(exc) is Refusal.OTHER:
                raise BusFault(f"cannot load the functions: {exc}") from exc
            raise BusUnavailable(f"cannot load the functions now: {exc}") from exc
