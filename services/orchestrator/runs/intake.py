"""Write accepted runs: many requests, one transaction, because its fsync costs the most."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from minuet.model.errors import InvalidInput
from minuet.store import runs
from minuet.store.database import Database
from minuet.store.runs import NewRun

from ..batcher import Batcher
from ..metrics import RUNS_ACCEPTED, START_BATCH

MAX_RUNS = 256


class Intake:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: Batcher[NewRun, bool] = Batcher(self._write, max_items=MAX_RUNS, lanes=2)

    async def accept(self, run: NewRun) -> bool:
        """Write the run and its command 0; False if its idempotency key is taken already.

        Raises StoreUnavailable: then it is unknown whether the run stands.
        """
        return await self._batches.submit(run)

    async def drain(self) -> None:
        await self._batches.drain()

    async def _write(self, batch: list[NewRun]) -> Sequence[bool | Exception]:
        try:
            async with self._db.connection() as c:
                written = await runs.insert_runs(c, batch)
        except asyncpg.DataError as error:
            return await self._write_singly(batch, error)
        START_BATCH.observe(len(batch))
        RUNS_ACCEPTED.inc(len(written))
        return [run.id in written for run in batch]

    async def _write_singly(
        self, batch: list[NewRun], error: asyncpg.DataError
    ) -> Sequence[bool | Exception]:
        """One run holds what Postgres cannot store (U+0000): the others must not suffer."""
        if len(batch) == 1:
            return [InvalidInput(f"this cannot be stored: {error}", pointer="")]
        return [(await self._write([run]))[0] for run in batch]
