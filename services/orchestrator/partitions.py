"""The number of partitions: kept in Postgres, published in Redis, allowed to grow."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from minuet.model.errors import StoreUnavailable, Unavailable
from minuet.store.database import Database

from .ports import Bus

log = structlog.get_logger(__name__)

INTERVAL_S: Final = 5.0


class Partitions:
    """`count` is 0 until Postgres was read once. New runs are drawn from `range(count)`."""

    def __init__(self, db: Database, bus: Bus, *, at_least: int) -> None:
        self._db = db
        self._bus = bus
        self._at_least = at_least
        self._count = 0

    @property
    def count(self) -> int:
        """Raises StoreUnavailable as long as it is unknown."""
        if self._count == 0:
            raise StoreUnavailable("the number of partitions is not known yet")
        return self._count

    @property
    def known(self) -> int:
        """Like `count`, 0 as long as it is unknown."""
        return self._count

    async def load(self) -> int:
        """Read the number, raised to what the settings ask for, and publish it."""
        await self._db.execute(
            "update settings set value = to_jsonb($1::int) "
            "where key = 'partitions' and (value #>> '{}')::int < $1",
            self._at_least,
        )
        self._count = await self._db.partitions()
        await self._bus.publish_partitions(self._count)
        return self._count

    async def keep_fresh(self) -> None:
        """Duty: read and publish again, because others may raise it and Redis may be lost."""
        while True:
            try:
                await self.load()
            except Unavailable as error:
                log.warning("partitions_not_published", code=error.code, reason=str(error))
            await asyncio.sleep(INTERVAL_S)
