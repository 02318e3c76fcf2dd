"""An ended run with everything that a retry is planned from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from minuet.cas.plans import PlanCache
from minuet.ir.fold import fold, plans_needed
from minuet.ir.plan import Plan
from minuet.model.errors import Conflict, StoreUnavailable
from minuet.model.event import Event
from minuet.model.ir import Ir
from minuet.model.status import RunStatus
from minuet.store import history
from minuet.store.database import Database
from minuet.store.history import StoredRun
from minuet.store.runs import RunRow

from ..ports import Cas
from ..start import start_of
from .past import PastNode, Timed, past_of

_decode_events = msgspec.json.Decoder(list[Event]).decode


@dataclass(frozen=True, slots=True)
class EndedRun:
    """`ir` is what the run ended on, after its last patch."""

    row: RunRow
    ir: Ir
    inputs: dict[str, Any]
    past: Mapping[str, PastNode]


class EndedRuns:
    def __init__(self, db: Database, cas: Cas) -> None:
        self._db = db
        self._cas = cas
        self._plans = PlanCache(cas)

    async def load(self, tenant: str, row: RunRow) -> EndedRun:
        """Raises Conflict if the run has not ended, NotFound, StoreUnavailable."""
        status = RunStatus(row.status)
        if not status.ended:
            raise Conflict(
                f"run {row.id} is {status.word}: only a run that has ended can be retried"
            )
        async with self._db.connection() as c:
            stored = await history.stored_run(c, row.id)
        if stored is None:
            raise StoreUnavailable(f"the history of run {row.id} is missing")
        timed = await asyncio.to_thread(_decoded, stored)
        events = [event for _, each in timed for event in each]
        first = await self._plans.get(tenant, stored.start.ir_digest)
        plans = {digest: await self._plans.get(tenant, digest) for digest in plans_needed(events)}
        ir, past = await asyncio.to_thread(_past, first, stored, timed, plans)
        return EndedRun(row, ir, await self._inputs(tenant, row), past)

    async def _inputs(self, tenant: str, row: RunRow) -> dict[str, Any]:
        text = row.inputs
        if row.inputs_ref is not None:
            text = await self._cas.get(tenant, row.inputs_ref["$cas"])
        if text is None:
            raise StoreUnavailable(f"the inputs of run {row.id} are missing")
        inputs: dict[str, Any] = msgspec.json.decode(text)
        return inputs


def _decoded(stored: StoredRun) -> list[Timed]:
    return [
        (round(time.timestamp() * 1000), _decode_events(text))
        for time, text in zip(stored.times, stored.events, strict=True)
    ]


def _past(
    plan: Plan, stored: StoredRun, timed: list[Timed], plans: Mapping[str, Plan]
) -> tuple[Ir, dict[str, PastNode]]:
    events = [event for _, each in timed for event in each]
    state = fold(plan, start_of(stored.start), events, plans)
    return state.plan.ir, past_of(state, timed)
