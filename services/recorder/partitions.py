"""Which partitions there are: their number may grow while the recorder runs."""

from __future__ import annotations

import time
from typing import Final

from minuet.store.database import Database

REFRESH_S: Final = 5.0


class Partitions:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0
        self._read_at = float("-inf")

    async def known(self) -> range:
        """As Postgres says, asked again every few seconds. Raises StoreUnavailable."""
        if time.monotonic() - self._read_at > REFRESH_S:
            self._count = await self._database.partitions()
            self._read_at = time.monotonic()
        return range(self._count)
