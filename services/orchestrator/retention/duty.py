"""The duty that lets go of what is not needed any more, in one orchestrator at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog

from minuet.bus.codes import BusFault
from minuet.bus.leftovers import LeftoverBus
from minuet.model.errors import Unavailable
from minuet.service import stopped_within
from minuet.settings import RetentionSettings
from minuet.store.database import Database

from ..metrics import RETENTION_FAILED, RETENTION_SECONDS
from .blobs import BlobCollector
from .cache import Cache
from .deleting import Deleter
from .leftovers import Leftovers
from .policy import Policy
from .renewal import Renewal

if TYPE_CHECKING:
    from minuet.store.database import Connection

log = structlog.get_logger(__name__)

LOCK_KEY: Final = 0x72657461696E
UNLOCK: Final = "select pg_advisory_unlock($1)"


class Retention:
    """Everything here may stop at any moment and be done again. What it deletes was marked, ended
    or deleted before, so that two who do it at once only do it twice."""

    def __init__(
        self,
        database: Database,
        bus: LeftoverBus,
        cache: Cache,
        renewal: Renewal,
        deleter: Deleter,
        settings: RetentionSettings,
    ) -> None:
        self._database = database
        self._interval_s = settings.sweep_s
        policy = Policy(database, deleter, settings)
        collector = BlobCollector(database)
        leftovers = Leftovers(database, bus)
        self._parts: dict[str, Callable[[], Awaitable[object]]] = {
            "deleted": deleter.sweep,
            "policy": policy.sweep,
            "leftovers": leftovers.sweep,
            "values": renewal.sweep,
            "cache": cache.sweep,
            "blobs": collector.sweep,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Duty."""
        while not await stopped_within(stop, self._interval_s):
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("retention_delayed", code=error.code, reason=str(error))

    async def sweep(self) -> bool:
        """One round of everything; False if another process is at it. The lock is the session's:
        a transaction that lasts so long would keep Postgres from cleaning up."""
        async with self._database.connection() as c:
            if not await c.fetchval("select pg_try_advisory_lock($1)", LOCK_KEY):
                return False
            try:
                for name, part in self._parts.items():
                    await self._do(name, part)
            finally:
                await _unlock(c)
        return True

    async def _do(self, name: str, part: Callable[[], Awaitable[object]]) -> None:
        """What one part meets must not keep the others from their turn."""
        try:
            with RETENTION_SECONDS.labels(name).time():
                await part()
        except (Unavailable, BusFault, asyncpg.PostgresError) as error:
            RETENTION_FAILED.labels(name).inc()
            report = log.warning if isinstance(error, Unavailable) else log.error
            report("retention_failed", part=name, reason=str(error))


async def _unlock(c: Connection) -> None:
    """If that fails, the lock goes with the connection: nobody else would ever get it."""
    try:
        await c.execute(UNLOCK, LOCK_KEY)
    except BaseException:
        c.terminate()
        raise
