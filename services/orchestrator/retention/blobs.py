"""Collects blobs that nothing names."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from minuet.store import collecting
from minuet.store.blobs import Key
from minuet.store.collecting import FIRST
from minuet.store.database import Database

from ..metrics import BLOBS_COLLECTED, BLOBS_COLLECTED_BYTES

log = structlog.get_logger(__name__)

GRACE: Final = timedelta(hours=1)
"""How long nothing must have named a blob. Much longer than any request or transaction takes, and
than definitions are taken for stored (see `definitions.STORED_S`)."""
LOOKS_A_SWEEP: Final = 20
LOOKED_AT: Final = 1_000
DELETED_AT_ONCE: Final = 200
DELETIONS_A_SWEEP: Final = 100


class BlobCollector:
    """Walks through all blobs, a bounded part of the way each sweep, and marks those that nothing
    names; then deletes those that have been marked for `grace`."""

    def __init__(self, database: Database, *, grace: timedelta = GRACE) -> None:
        self._database = database
        self._grace = grace
        self._after: Key = FIRST

    async def sweep(self) -> int:
        """How many were deleted."""
        for _ in range(LOOKS_A_SWEEP):
            async with self._database.connection() as c:
                last = await collecting.mark_page(c, self._after, limit=LOOKED_AT)
            self._after = FIRST if last is None else last
            if last is None:
                break
        return await self._delete()

    async def _delete(self) -> int:
        total, total_bytes = 0, 0
        for _ in range(DELETIONS_A_SWEEP):
            async with self._database.connection() as c:
                deleted, size_bytes = await collecting.delete_unreferenced(
                    c, grace=self._grace, limit=DELETED_AT_ONCE
                )
            total, total_bytes = total + deleted, total_bytes + size_bytes
            if deleted < DELETED_AT_ONCE:
                break
        BLOBS_COLLECTED.inc(total)
        BLOBS_COLLECTED_BYTES.inc(total_bytes)
        if total:
            log.info("blobs_collected", blobs=total, size_bytes=total_bytes)
        return total
