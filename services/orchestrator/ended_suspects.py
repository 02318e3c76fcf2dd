"""Runs that have ended, and of which the recorder refused something nonetheless.

What stood unread in an old copy of Redis may have brought them on. A restore would add to a history
that has its end: they are archived again, so that Redis forgets what it knows of them.
"""

from __future__ import annotations

from typing import Final

import structlog

from minuet.bus.api import ReconcilerBus
from minuet.store import history
from minuet.store.database import Database

from .archiving import archive
from .metrics import REVENANTS

log = structlog.get_logger(__name__)

AT_ONCE: Final = 500


async def archive_again(database: Database, bus: ReconcilerBus) -> None:
    """One look; harmless when repeated."""
    async with database.connection() as c:
        suspects = await history.ended_suspects(c, limit=AT_ONCE)
        if not suspects:
            return
        for p in sorted({run.partition for run in suspects}):
            await archive(bus, p, [run for run in suspects if run.partition == p])
        await history.clear_ended_requests(c, [run.id for run in suspects])
    REVENANTS.inc(len(suspects))
    log.warning("revenants_archived", runs=len(suspects))
