"""Keeps the values that live runs name in the cache, however long they wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from minuet.bus.leftovers import LeftoverBus
from minuet.model.errors import NotFound
from minuet.store import uses
from minuet.store.blobs import Key
from minuet.store.database import Database

from ..ports import Cas

log = structlog.get_logger(__name__)

RENEW_S: Final = 1_200.0
"""A third of the shortest life that settings allow a value in the cache."""
LIFE_S: Final = 4 * int(RENEW_S)
VALUES_AT_ONCE: Final = 500
FIRST: Final[Key] = ("", "")


class Renewal:
    """A value leaves Redis a while after it was last read. Workers look nowhere else, so a node
    behind an approval of three days would not find what was made before it."""

    def __init__(
        self,
        database: Database,
        bus: LeftoverBus,
        cas: Cas,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._bus = bus
        self._cas = cas
        self._clock = clock
        self._due_at = float("-inf")

    async def sweep(self) -> int:
        """How many values were renewed, or brought back. Raises Unavailable; then it is tried
        again at the next sweep."""
        now = self._clock()
        if now < self._due_at:
            return 0
        renewed, after = 0, FIRST
        while True:
            async with self._database.connection() as c:
                found = await uses.used_by_live(c, after, limit=VALUES_AT_ONCE)
            there = await self._bus.renew_blobs(found, ttl_s=LIFE_S)
            gone = [key for key, is_there in zip(found, there, strict=True) if not is_there]
            renewed += sum(there) + sum([await self._bring_back(*key) for key in gone])
            if len(found) < VALUES_AT_ONCE:
                break
            after = found[-1]
        self._due_at = now + RENEW_S
        return renewed

    async def _bring_back(self, tenant: str, digest: str) -> bool:
        try:
            await self._cas.warm(tenant, digest)
        except NotFound:
            log.error("blob_missing", tenant=tenant, digest=digest)
            return False
        return True
