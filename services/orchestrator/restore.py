"""A restore: the state of a run, folded from its history, as its owner is to install it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import msgspec

from minuet.cas.plans import PlanCache
from minuet.ir.fold import fold, plans_needed
from minuet.ir.plan import Plan
from minuet.model.event import Event
from minuet.model.signal import Restore
from minuet.model.token import CasRef
from minuet.store.history import StoredRun

from .start import start_of

_decode_events = msgspec.json.Decoder(list[Event]).decode
_encode = msgspec.json.Encoder().encode


class Cas(Protocol):
    """The part of the content-addressed store that is needed here; `put` is durable."""

    async def put(self, tenant: str, data: bytes) -> str: ...


class RestoreMaker:
    """Folds histories."""

    def __init__(self, cas: Cas, plans: PlanCache) -> None:
        self._cas = cas
        self._plans = plans

    async def make(self, run: StoredRun, *, not_after: int) -> Restore:
        """The signal, its state stored durably. Raises NotFound if the compiled document is
        gone, ValueError or KeyError if the history does not fit it, Unavailable."""
        tenant = run.start.tenant
        plan = await self._plans.get(tenant, run.start.ir_digest)
        # Off the loop: a history of thousands of nodes takes a while.
        events = await asyncio.to_thread(decode_history, run)
        plans = {digest: await self._plans.get(tenant, digest) for digest in plans_needed(events)}
        state = await asyncio.to_thread(snapshot_of, plan, run, events, plans)
        digest = await self._cas.put(run.start.tenant, state)
        return Restore(
            run=run.start.id,
            tenant=run.start.tenant,
            seq=run.seq,
            state=CasRef(digest=digest, size_bytes=len(state)),
            fork=run.fork,
            not_after=not_after,
        )


def decode_history(run: StoredRun) -> list[Event]:
    return [event for text in run.events for event in _decode_events(text)]


def snapshot_of(
    plan: Plan, run: StoredRun, events: list[Event], plans: Mapping[str, Plan]
) -> bytes:
    """JSON of the RunSnapshot. What stands in no event (commit, command) comes from the row.

    `plan` is what the run started on, `plans` what patches led to.
    """
    state = fold(plan, start_of(run.start), events, plans)
    state.cmd = run.cmd
    state.last = run.last_commit
    return _encode(state.snapshot())
