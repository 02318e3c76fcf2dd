"""The store as the orchestrator writes it: what was accepted must be durable at once."""

from __future__ import annotations

from minuet.model.errors import NotFound

from .cas import Cas


class DurableCas:
    """Like `Cas`, but `put` is durable when it returns and tells the digest alone."""

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

    async def warm(self, tenant: str, digest: str) -> None:
        await self._cas.warm(tenant, digest)
