"""Values by digest, as coordinator, workers and orchestrator read and write them."""

from __future__ import annotations

from typing import Final, Protocol

import structlog

from minuet.bus.api import CacheBus
from minuet.model.canonical import digest as digest_of
from minuet.model.errors import BusUnavailable, NotFound, Unavailable
from minuet.model.token import CasRef

from .local import LocalBlobs

log = structlog.get_logger()

TTL_S: Final = 24 * 3600
LOCAL_BYTES: Final = 64 * 1024 * 1024


class DurableBlobs(Protocol):
    """The durable store; both raise StoreUnavailable."""

    async def get(self, tenant: str, digest: str) -> bytes | None: ...

    async def put(self, tenant: str, digest: str, data: bytes) -> None: ...


class Cas:
    """Reads go to this process, then to Redis, then to the durable store, if one was given.

    `put` stores in Redis alone, which is enough for what an event will name: the recorder makes
    it durable no later than the event. Use `put_durably` for everything else. Reading renews the
    life in Redis, to `ttl_s`, which is why all processes should have the same.
    """

    def __init__(
        self,
        bus: CacheBus,
        blobs: DurableBlobs | None = None,
        *,
        ttl_s: int = TTL_S,
        local_bytes: int = LOCAL_BYTES,
    ) -> None:
        self._bus = bus
        self._blobs = blobs
        self.ttl_s = ttl_s
        self._local = LocalBlobs(local_bytes)

    async def put(self, tenant: str, data: bytes) -> CasRef:
        """Raises BusUnavailable, Overloaded. Idempotent; renews the life of what is there."""
        digest = digest_of(data)
        await self._bus.cas_put(tenant, digest, data, ttl_s=self.ttl_s)
        self._local.put(tenant, digest, data)
        return CasRef(digest=digest, size_bytes=len(data))

    async def put_durably(self, tenant: str, data: bytes) -> CasRef:
        """Durable when it returns; in Redis too, if that is there. Raises StoreUnavailable."""
        if self._blobs is None:
            raise ValueError("this process has no durable store")
        digest = digest_of(data)
        await self._blobs.put(tenant, digest, data)
        self._local.put(tenant, digest, data)
        await self._cache(tenant, digest, data)
        return CasRef(digest=digest, size_bytes=len(data))

    async def put_for_now(self, tenant: str, data: bytes, *, ttl_s: int) -> CasRef:
        """In Redis alone and for a short life: for what is of use only as long as Redis keeps the
        signal that names it. Raises BusUnavailable, Overloaded."""
        digest = digest_of(data)
        await self._bus.cas_put(tenant, digest, data, ttl_s=ttl_s)
        return CasRef(digest=digest, size_bytes=len(data))

    async def get(self, tenant: str, digest: str) -> bytes:
        """The blob, checked against its digest. Raises NotFound, or Unavailable if a store that
        might have it cannot be asked."""
        if (data := self._local.get(tenant, digest)) is not None:
            return data
        away: BusUnavailable | None = None
        try:
            data = await self._cached(tenant, digest)
        except BusUnavailable as error:
            data, away = None, error
        if data is None and (data := await self._durable(tenant, digest)) is None:
            # What was put lately, or for now, stands in Redis alone: it is not lost.
            raise away or NotFound(f"no blob {digest}")
        self._local.put(tenant, digest, data)
        return data

    async def warm(self, tenant: str, digest: str) -> None:
        """Make Redis hold the blob for a full life. Raises NotFound, Unavailable."""
        if await self._bus.cas_get(tenant, digest, ttl_s=self.ttl_s) is None:
            data = await self.get(tenant, digest)
            await self._bus.cas_put(tenant, digest, data, ttl_s=self.ttl_s)

    async def _cached(self, tenant: str, digest: str) -> bytes | None:
        """What Redis holds, unless it is damaged. Raises BusUnavailable."""
        data = await self._bus.cas_get(tenant, digest, ttl_s=self.ttl_s)
        return data if data is None else _checked(tenant, digest, data, "cache")

    async def _durable(self, tenant: str, digest: str) -> bytes | None:
        if self._blobs is None:
            return None
        data = await self._blobs.get(tenant, digest)
        if data is None or (data := _checked(tenant, digest, data, "store")) is None:
            return None
        await self._cache(tenant, digest, data)
        return data

    async def _cache(self, tenant: str, digest: str, data: bytes) -> None:
        """Best effort: readers fall back to the durable store."""
        try:
            await self._bus.cas_put(tenant, digest, data, ttl_s=self.ttl_s)
        except Unavailable as error:
            log.warning("blob_not_cached", code=error.code, reason=str(error))


def _checked(tenant: str, digest: str, data: bytes, place: str) -> bytes | None:
    if digest_of(data) == digest:
        return data
    log.error("blob_damaged", tenant=tenant, digest=digest, place=place)
    return None
