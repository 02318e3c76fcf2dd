"""A restore: the state of a run, folded from its history, as its owner is to install it."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.model.event import Event
from minuet.model.signal import Restore
from minuet.model.token import CasRef
from minuet.store.history import StoredRun

from .plans import Plans
from .start import start_of

_decode_events = msgspec.json.Decoder(list[Event]).decode
_encode = msgspec.json.Encoder().encode


class Cas(Protocol):
    """The part of the content-addressed store that is needed here; `put` is durable."""

    async def put(self, tenant: str, data: bytes) -> str: ...


class RestoreMaker:
    """Folds histories."""

    def __init__(self, cas: Cas, plans: Plans) -> None:
        self._cas = cas
        self._plans = plans

    async def make(self, run: StoredRun, *, not_after: int) -> Restore:
        """The signal, its state stored durably. Raises NotFound if the compiled document is
        gone, ValueError or KeyError if the history does not fit it, Unavailable."""
        plan = await self._plans.get(run.start.tenant, run.start.ir_digest)
        # Off the loop: a history of thousands of nodes takes a while.
        state = await asyncio.to_thread(snapshot_of, plan, run)
        digest = await self._cas.put(run.start.tenant, state)
        return Restore(
            run=run.start.id,
            tenant=run.start.tenant,
            seq=run.seq,
            state=CasRef(digest=digest, size_bytes=len(state)),
            fork=run.fork,
            not_after=not_after,
        )


def snapshot_of(plan: Plan, run: StoredRun) -> bytes:
    """JSON of the RunSnapshot. What stands in no event (commit, command) comes from the row."""
    events = (event for text in run.events for event in _decode_events(text))
    state = fold(plan, start_of(run.start), events)
    state.cmd = run.cmd
    state.last = run.last_commit
    return _encode(state.snapshot())
