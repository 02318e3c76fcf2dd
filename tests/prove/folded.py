"""Folding the stored history of a run must give what the row of the run says."""

from __future__ import annotations

from collections.abc import Sequence

from minuet.cas.plans import PlanCache
from minuet.ir.fold import plans_needed
from minuet.services.orchestrator.restore import decode_history, state_of
from minuet.store import history
from minuet.store.blobs import Blobs
from minuet.store.database import Database


async def fold_differences(database_url: str, runs: Sequence[str]) -> list[str]:
    """In words; runs without history yet are left out."""
    async with Database(database_url, max_size=2, name="prove") as database:
        plans = PlanCache(_Stored(database))
        return [line for run in runs for line in await _of_run(database, plans, run)]


class _Stored:
    """Blobs straight from Postgres: what Redis has is not asked."""

    def __init__(self, database: Database) -> None:
        self._blobs = Blobs(database)

    async def get(self, tenant: str, digest: str) -> bytes:
        found = await self._blobs.get(tenant, digest)
        assert found is not None, f"no blob {digest}"
        return found


async def _of_run(database: Database, plans: PlanCache, run: str) -> list[str]:
    async with database.connection() as c:
        try:
            stored = await history.stored_run(c, run)
        except ValueError as error:
            return [f"{run}: {error}"]
        if stored is None:
            return []
        counter = await c.fetchval("select counter from runs where id = $1", run)
    tenant = stored.start.tenant
    events = decode_history(stored)
    needed = {digest: await plans.get(tenant, digest) for digest in plans_needed(events)}
    try:
        plan = await plans.get(tenant, stored.start.ir_digest)
        state = state_of(plan, stored, events, needed)
    except (KeyError, ValueError) as error:
        return [f"{run}: its history cannot be folded: {error!r}"]
    told = (int(state.status), state.seq, state.counter)
    if told == (stored.status, stored.seq, counter):
        return []
    return [
        f"{run}: its history folds to {told}, its row says {stored.status, stored.seq, counter}"
    ]
