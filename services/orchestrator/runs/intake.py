"""Write accepted runs: many requests, one transaction, because its fsync costs the most."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from minuet.bus.keys import partition_of
from minuet.model.errors import InvalidInput, StoreUnavailable
from minuet.store import runs
from minuet.store.database import Database
from minuet.store.runs import NewRun

from ..batcher import Batcher
from ..metrics import RUNS_ACCEPTED, START_BATCH
from ..relay import Relay
from ..start import start_row
from .limits import Limited, accept_limited

MAX_RUNS = 256
MAX_DEADLOCKS = 3


class Intake:
    """Runs with a concurrency key take a lane of their own: they may wait for the key's lock."""

    def __init__(self, db: Database, relay: Relay) -> None:
        self._db = db
        self._relay = relay
        self._batches: Batcher[NewRun, bool] = Batcher(self._write, max_items=MAX_RUNS, lanes=2)
        self._limited: Batcher[Limited, bool] = Batcher(self._write_limited, max_items=MAX_RUNS)

    async def accept(self, run: NewRun, on_limit: str = "queue") -> bool:
        """Write the run and its command 0, and send it unless it has to wait for its concurrency
        key; False if its idempotency key is taken already.

        Raises StoreUnavailable: then it is unknown whether the run stands. Raises LimitReached if
        it has a concurrency key that is held, and `on_limit` is "reject".
        """
        if run.concurrency_key is not None:
            return await self._limited.submit(Limited(run, on_limit))
        return await self._batches.submit(run)

    async def drain(self) -> None:
        await self._batches.drain()
        await self._limited.drain()

    async def _write(self, batch: list[NewRun]) -> Sequence[bool | Exception]:
        try:
            async with self._db.connection() as c:
                written = await runs.insert_runs(c, batch)
        except asyncpg.DataError as error:
            return await self._write_singly(batch, error)
        _count(batch, written)
        self._relay.offer_starts(start_row(run) for run in batch if run.id in written)
        return [run.id in written for run in batch]

    async def _write_singly(
        self, batch: list[NewRun], error: asyncpg.DataError
    ) -> Sequence[bool | Exception]:
        """One run holds what Postgres cannot store (U+0000): the others must not suffer."""
        if len(batch) == 1:
            return [InvalidInput(f"this cannot be stored: {error}", pointer="")]
        return [(await self._write([run]))[0] for run in batch]

    async def _write_limited(self, batch: list[Limited]) -> Sequence[bool | Exception]:
        """Runs, the cancels that make room for them, and grants: all in one transaction."""
        for _ in range(MAX_DEADLOCKS):
            try:
                async with self._db.transaction() as c:
                    made = await accept_limited(c, batch)
                break
            except asyncpg.DataError as error:
                if len(batch) == 1:
                    return [InvalidInput(f"this cannot be stored: {error}", pointer="")]
                return [(await self._write_limited([each]))[0] for each in batch]
            except StoreUnavailable as error:
                # With the recorder, which brings several of these runs up to date at once.
                if not isinstance(error.__cause__, asyncpg.DeadlockDetectedError):
                    raise
        else:
            raise StoreUnavailable("the runs of this key change too quickly: try again")
        _count([each.run for each in batch], made.written)
        self._relay.offer_starts(made.granted)
        for key, row in made.cancels:
            self._relay.offer_command(partition_of(row.run_id), key.tenant, row)
        return made.answers


def _count(batch: Sequence[NewRun], written: set[str]) -> None:
    START_BATCH.observe(len(batch))
    RUNS_ACCEPTED.inc(len(written))
