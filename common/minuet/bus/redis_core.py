"""What the roles of RedisBus share."""

from __future__ import annotations

from typing import Self

from .address import Address
from .calls import Calls
from .connection import Connection
from .wire import Argument, Reply


class RedisCore:
    """Made by `at` or `connect`; close it."""

    def __init__(self, redis: Calls) -> None:
        self._redis = redis
        self._keys = redis.keys
        self._known_types: dict[int, set[str]] = {}

    @classmethod
    def at(cls, url: str, prefix: str = "") -> Self:
        """Connects at the first call, so a process starts while Redis is away: its duties meet
        that as they meet any later absence. Raises InvalidInput for an address it cannot read."""
        return cls(Connection(Address.parse(url), prefix))

    @classmethod
    async def connect(cls, url: str, prefix: str = "") -> Self:
        """Connects now. Raises BusUnavailable if nobody listens, InvalidInput as `at`."""
        bus = cls.at(url, prefix)
        try:
            await bus._redis.open()
        except BaseException:
            await bus.close()
            raise
        return bus

    async def close(self) -> None:
        """Close all connections; calls under way raise BusUnavailable. Twice is harmless."""
        await self._redis.close()

    @property
    def connections(self) -> int:
        """Grows when the bus had to connect anew: leases and cursors may have gone back."""
        return self._redis.connections

    @property
    def trouble(self) -> str | None:
        """Why plain calls have no connection now, or None. They connect at the first one: of use
        to who makes them now and then."""
        return self._redis.trouble

    @property
    def address(self) -> Address:
        return self._redis.address

    async def ask(self, *args: Argument) -> Reply:
        """A plain command, for operators and probes; roles have methods of their own."""
        return await self._redis.call(*args)
