"""Where the journals of executions stand, on Redis."""

from __future__ import annotations

from .redis_core import RedisCore


class RedisJournal(RedisCore):
    async def journal_at(self, tenant: str, key: str) -> str | None:
        found = await self._redis.call(b"GET", self._keys.journal(tenant, key))
        return None if found is None else bytes(found).decode()

    async def move_journal(
        self, tenant: str, key: str, previous: str | None, digest: str, *, ttl_s: int
    ) -> bool:
        args = (previous or "", digest, ttl_s)
        keys = (self._keys.journal(tenant, key),)
        return int(await self._redis.fcall("journal", keys, args)) == 1
