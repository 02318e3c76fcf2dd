"""The recorder's side of the bus on Redis, and the blob cache."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from .address import Address
from .announcements import listen
from .api import Entry
from .redis_core import RedisCore
from .streams import read_streams
from .wire import Argument

IDS_A_CALL = 1000


class RedisRecorder(RedisCore):
    async def read_events(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams = {self._keys.events(p): (p, cursor) for p, cursor in cursors.items()}
        return await read_streams(self._redis, streams, count=count, block_ms=block_ms)

    async def delete_events(self, ids: Mapping[int, Sequence[str]]) -> None:
        await self._delete({self._keys.events(p): listed for p, listed in ids.items()})

    async def read_dead(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams = {self._keys.dead(p): (p, cursor) for p, cursor in cursors.items()}
        return await read_streams(self._redis, streams, count=count, block_ms=block_ms)

    async def delete_dead(self, ids: Mapping[int, Sequence[str]]) -> None:
        await self._delete({self._keys.dead(p): listed for p, listed in ids.items()})

    async def read_live(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams = {self._keys.live(p): (p, cursor) for p, cursor in cursors.items()}
        return await read_streams(self._redis, streams, count=count, block_ms=block_ms)

    async def announce(self, message: bytes) -> None:
        await self._redis.call(b"PUBLISH", self._keys.announcements, message)

    def announcements(self) -> AsyncGenerator[bytes, None]:
        """What is announced from the first step of the iterator on. It reconnects by itself;
        what is announced meanwhile is lost. Close it (`aclose`) to stop listening."""
        return listen(self._any_server, self._keys.announcements)

    async def cas_put(self, tenant: str, digest: str, data: bytes, *, ttl_s: int) -> None:
        """Raises Overloaded when Redis is out of memory."""
        await self._redis.call(b"SET", self._keys.cas(tenant, digest), data, b"EX", ttl_s)

    async def cas_get(self, tenant: str, digest: str, *, ttl_s: int) -> bytes | None:
        found = await self._redis.call(b"GETEX", self._keys.cas(tenant, digest), b"EX", ttl_s)
        return None if found is None else bytes(found)

    async def _any_server(self) -> Address:
        """Who passes on what is announced, wherever that was."""
        return self._redis.address

    async def _delete(self, ids: Mapping[str, Sequence[str]]) -> None:
        commands: list[tuple[Argument, ...]] = [
            (b"XDEL", stream, *listed[i : i + IDS_A_CALL])
            for stream, listed in ids.items()
            for i in range(0, len(listed), IDS_A_CALL)
        ]
        await self._redis.call_many(commands)
