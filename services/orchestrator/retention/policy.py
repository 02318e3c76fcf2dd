"""Deletes what has been kept as long as the settings say."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from minuet.model.errors import Conflict, NotFound
from minuet.settings import RetentionSettings
from minuet.store import retention
from minuet.store.database import Database
from minuet.store.retention import BEGINNING, EndedAt

from ..metrics import LETTERS_EXPIRED, LOGS_EXPIRED
from .deleting import Deleter

log = structlog.get_logger(__name__)

BY: Final = "retention"
RUNS_A_SWEEP: Final = 500
PAGE: Final = 100
ROWS_AT_ONCE: Final = 2_000
LETTERS_AT_ONCE: Final = 500


class Policy:
    """0 days means for ever. What one sweep does is bounded; the next goes on."""

    def __init__(self, database: Database, deleter: Deleter, settings: RetentionSettings) -> None:
        self._database = database
        self._deleter = deleter
        self._settings = settings
        self._after: EndedAt = BEGINNING

    async def sweep(self) -> None:
        if self._settings.runs_days:
            await self._delete_runs(timedelta(days=self._settings.runs_days))
        if self._settings.logs_days:
            await self._delete_logs(timedelta(days=self._settings.logs_days))
        if self._settings.dead_letters_days:
            await self._delete_letters(timedelta(days=self._settings.dead_letters_days))

    async def _delete_runs(self, age: timedelta) -> int:
        """Oldest end first. Those that may not go yet are passed over until the next round."""
        deleted = 0
        while deleted < RUNS_A_SWEEP:
            async with self._database.connection() as c:
                found = await retention.expired_roots(c, self._after, age=age, limit=PAGE)
            for run in found:
                deleted += await self._delete(run.tenant, run.at.id)
            self._after = found[-1].at if len(found) == PAGE else BEGINNING
            if len(found) < PAGE:
                break
        return deleted

    async def _delete(self, tenant: str, run: str) -> int:
        try:
            return await self._deleter.delete(tenant, run, by=BY, reason="policy")
        except (Conflict, NotFound) as error:  # a child run still stops, or somebody was quicker
            log.info("run_kept", run_id=run, code=error.code, reason=str(error))
            return 0

    async def _delete_logs(self, age: timedelta) -> int:
        """What was told beside the history of runs that ended that long ago. How far this has
        come is kept, so that no run is looked at twice."""
        looked_at = deleted = 0
        while looked_at < RUNS_A_SWEEP:
            async with self._database.connection() as c:
                after = await retention.get_mark(c, "logs")
                ended = await retention.ended_after(c, after, age=age, limit=PAGE)
                if not ended:
                    break
                ids = [each.id for each in ended]
                while some := await retention.delete_told(c, ids, limit=ROWS_AT_ONCE):
                    deleted += some
                await retention.set_mark(c, "logs", ended[-1])
            looked_at += len(ended)
        if deleted:
            LOGS_EXPIRED.inc(deleted)
            log.info("logs_expired", rows=deleted, runs=looked_at)
        return deleted

    async def _delete_letters(self, age: timedelta) -> int:
        async with self._database.connection() as c:
            deleted = await retention.delete_settled_letters(c, age=age, limit=LETTERS_AT_ONCE)
        if deleted:
            LETTERS_EXPIRED.inc(deleted)
            log.info("dead_letters_expired", letters=deleted)
        return deleted
