"""Tickets on Redis: short-lived and taken once, so nothing durable is needed."""

from __future__ import annotations

from .redis_core import RedisCore


class RedisTickets(RedisCore):
    async def put_ticket(self, name: str, holder: bytes, *, ttl_s: int) -> None:
        """Raises Overloaded when Redis is out of memory."""
        await self._redis.call(b"SET", self._keys.ticket(name), holder, b"EX", ttl_s)

    async def take_ticket(self, name: str) -> bytes | None:
        found = await self._redis.call(b"GETDEL", self._keys.ticket(name))
        return None if found is None else bytes(found)
