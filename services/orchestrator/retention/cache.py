"""Lets blobs of ended runs leave the cache in Redis early."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from minuet.bus.leftovers import LeftoverBus
from minuet.store import retention, uses
from minuet.store.blobs import Key
from minuet.store.database import Database
from minuet.store.retention import EndedAt

FADE_S: Final = 60
AGE: Final = timedelta(seconds=60)
FIRST_LOOK_BACK: Final = timedelta(hours=1)
RUNS_AT_ONCE: Final = 500
BLOBS_AT_ONCE: Final = 1_000


class Cache:
    """A blob lives on in Redis for a day after it was last used. What only ended runs name, and
    Postgres holds, need not: whoever still wants it reads it there. Workers cannot, so a blob of
    any live run stays; so does what a run names that ended just now, because what the other runs
    of that moment name may not be recorded yet."""

    def __init__(self, database: Database, bus: LeftoverBus) -> None:
        self._database = database
        self._bus = bus
        self._seen: EndedAt | None = None

    async def sweep(self) -> int:
        """Blobs of the runs that ended since the last look; how many were given their time."""
        if self._seen is None:
            self._seen = EndedAt(datetime.now(UTC) - FIRST_LOOK_BACK, "")
        faded = 0
        while True:
            async with self._database.connection() as c:
                ended = await retention.ended_after(c, self._seen, age=AGE, limit=RUNS_AT_ONCE)
                blobs = await uses.used_by_ended_alone(c, [each.id for each in ended])
            faded += await self.fade(blobs)
            if ended:
                self._seen = ended[-1]
            if len(ended) < RUNS_AT_ONCE:
                return faded

    async def fade(self, blobs: Sequence[Key]) -> int:
        """Shorten the life of these; whoever reads one meanwhile renews it."""
        for at in range(0, len(blobs), BLOBS_AT_ONCE):
            await self._bus.fade_blobs(blobs[at : at + BLOBS_AT_ONCE], ttl_s=FADE_S)
        return len(blobs)
