"""The store as the orchestrator writes it: what was accepted must be durable at once."""

from __future__ import annotations

from minuet.model.errors import NotFound, Overloaded

from .cas import Cas


class DurableCas:
    """Like `Cas`, but `put` is durable when it returns, and digests alone are told."""

    def __init__(self, cas: Cas) -> None:
        self._cas = cas

    async def get(self, tenant: str, digest: str) -> bytes | None:
        """None if no store has it."""
        try:
            return await self._cas.get(tenant, digest)
        except NotFound:
            return None

    async def put(self, tenant: str, data: bytes) -> str:
        return (await self._cas.put_durably(tenant, data)).digest

    async def put_for_now(self, tenant: str, data: bytes, *, ttl_s: int) -> str:
        """In Redis for that long; durable instead if Redis is full. Raises Unavailable."""
        try:
            return (await self._cas.put_for_now(tenant, data, ttl_s=ttl_s)).digest
        except Overloaded:
            return await self.put(tenant, data)

    async def warm(self, tenant: str, digest: str) -> None:
        await self._cas.warm(tenant, digest)
