"""A restore: the state of a run, folded from its history, as its owner is to install it."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import msgspec

from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.model.errors import NotFound
from minuet.model.event import Event
from minuet.model.ir import Ir
from minuet.model.signal import Restore
from minuet.model.token import CasRef
from minuet.store.history import StoredRun

from .start import start_of

PLANS: Final = 64

_decode_ir = msgspec.json.Decoder(Ir).decode
_decode_events = msgspec.json.Decoder(list[Event]).decode
_encode = msgspec.json.Encoder().encode


class Cas(Protocol):
    """The part of the content-addressed store that is needed here; `put` is durable."""

    async def get(self, tenant: str, digest: str) -> bytes | None: ...

    async def put(self, tenant: str, data: bytes) -> str: ...


class RestoreMaker:
    """Folds histories; keeps a few compiled documents, because many runs share one."""

    def __init__(self, cas: Cas) -> None:
        self._cas = cas
        self._plans: dict[tuple[str, str], Plan] = {}

    async def make(self, run: StoredRun, *, not_after: int) -> Restore:
        """The signal, its state stored durably. Raises NotFound if the compiled document is
        gone, ValueError or KeyError if the history does not fit it, Unavailable."""
        plan = await self._plan(run.start.tenant, run.start.ir_digest)
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

    async def _plan(self, tenant: str, digest: str) -> Plan:
        plan = self._plans.get((tenant, digest))
        if plan is None:
            data = await self._cas.get(tenant, digest)
            if data is None:
                raise NotFound(f"no compiled document {digest}")
            plan = await asyncio.to_thread(lambda: Plan(_decode_ir(data), digest))
            if len(self._plans) >= PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[tenant, digest] = plan
        return plan


def snapshot_of(plan: Plan, run: StoredRun) -> bytes:
    """JSON of the RunSnapshot. What stands in no event (commit, command) comes from the row."""
    events = (event for text in run.events for event in _decode_events(text))
    state = fold(plan, start_of(run.start), events)
    state.cmd = run.cmd
    state.last = run.last_commit
    return _encode(state.snapshot())
