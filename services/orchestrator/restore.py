"""A restore: the state of a run, folded from its history, as its owner is to install it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, ParamSpec, TypeVar

import msgspec
import structlog

from minuet.cas.plans import PlanCache
from minuet.ir.fold import fold, plans_needed
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.errors import NotFound
from minuet.model.event import Event
from minuet.model.signal import Restore
from minuet.model.token import CasRef
from minuet.store.database import Database
from minuet.store.history import StoredRun

from .child_runs import ChildRuns, live_children
from .ports import Cas
from .start import start_of

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
SHORT_HISTORY: Final = 200
STATE_S: Final = 600
"""A restore that is not read by then is no loss: another one follows."""

_decode_events = msgspec.json.Decoder(list[Event]).decode
_encode = msgspec.json.Encoder().encode


class RestoreMaker:
    """Folds histories."""

    def __init__(self, database: Database, cas: Cas, plans: PlanCache) -> None:
        self._cas = cas
        self._plans = plans
        self._children = ChildRuns(database, cas)

    async def make(self, run: StoredRun, *, not_after: int) -> Restore:
        """The signal, its state in Redis. Raises NotFound if the compiled document is
        gone, ValueError or KeyError if the history does not fit it, Unavailable."""
        tenant = run.start.tenant
        plan = await self._plans.get(tenant, run.start.ir_digest)
        events = await _off_loop(run, decode_history, run)
        plans = {digest: await self._plans.get(tenant, digest) for digest in plans_needed(events)}
        folded = await _off_loop(run, state_of, plan, run, events, plans)
        await self._warm(folded)
        snapshot = folded.snapshot()
        snapshot.children = await self._children.known(tenant, live_children(folded))
        state = _encode(snapshot)
        digest = await self._cas.put_for_now(tenant, state, ttl_s=STATE_S)
        return Restore(
            run=run.start.id,
            tenant=run.start.tenant,
            seq=run.seq,
            state=CasRef(digest=digest, size_bytes=len(state)),
            fork=run.fork,
            refused=run.refused,
            not_after=not_after,
        )

    async def _warm(self, state: RunState) -> None:
        """Bring back to Redis the values that tokens will name: workers know no other store."""
        for digest in sorted(named_by(state)):
            try:
                await self._cas.warm(state.start.tenant, digest)
            except NotFound:
                log.error("blob_missing", run_id=state.run, digest=digest)


async def _off_loop(run: StoredRun, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """A history of thousands of events takes a while; one of a few less than a thread."""
    if run.seq < SHORT_HISTORY:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def named_by(state: RunState) -> set[str]:
    """Digests of the values that what is still to come may read."""
    if state.status.ended:
        return set()
    kept = (each.output_ref for each in state.start.kept.values())
    outputs = (each.ref for each in state.outputs.values())
    refs = (state.start.inputs_ref, *kept, *outputs)
    return {ref.digest for ref in refs if ref is not None}


def decode_history(run: StoredRun) -> list[Event]:
    return [event for text in run.events for event in _decode_events(text)]


def state_of(
    plan: Plan, run: StoredRun, events: list[Event], plans: Mapping[str, Plan]
) -> RunState:
    """The folded state. What stands in no event (commit, command) comes from the row.

    `plan` is what the run started on, `plans` what patches led to.
    """
    state = fold(plan, start_of(run.start), events, plans)
    state.cmd = run.cmd
    state.last = run.last_commit
    return state
