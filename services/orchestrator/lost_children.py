"""Heals runs that wait for child runs in vain.

A child run ends by a signal in the commit of its end. Should Redis go back to before that commit
after it was recorded, the child is restored as ended, and nobody tells its parent any more. Only
runs that have stood still since the last sweep are looked at.
"""

from __future__ import annotations

import msgspec
import structlog

from minuet.bus.api import Fields, ReconcilerBus
from minuet.cas.plans import PlanCache
from minuet.ir.run_state import RunState
from minuet.model.errors import NotFound
from minuet.model.signal import Parent, Reemit, Start
from minuet.model.token import Outcome
from minuet.store import children
from minuet.store.children import LiveParent
from minuet.store.database import Database

from .child_runs import ChildRuns, live_children
from .metrics import CHILDREN_HEALED
from .ports import Cas

log = structlog.get_logger(__name__)

PARENTS_A_SWEEP = 2_000
CHILDREN_A_RUN = 1_000
NOT_AFTER_MS = 30_000
_decode_start = msgspec.json.Decoder(Start).decode
_encode = msgspec.json.Encoder().encode


class LostChildren:
    """One `sweep` for all runs."""

    def __init__(self, database: Database, bus: ReconcilerBus, cas: Cas, plans: PlanCache) -> None:
        self._database = database
        self._bus = bus
        self._plans = plans
        self._children = ChildRuns(database, cas)
        self._stood: dict[str, int] = {}

    async def sweep(self) -> int:
        """How many child runs were told of or asked for."""
        async with self._database.connection() as c:
            parents = await children.live_parents(c, limit=PARENTS_A_SWEEP)
        still = [run for run in parents if self._stood.get(run.id) == run.seq]
        self._stood = {run.id: run.seq for run in parents}
        return sum([await self._heal(run) for run in still])

    async def _heal(self, run: LiveParent) -> int:
        state = await self._load(run)
        if state is None:
            return 0
        wanted = dict(list(live_children(state).items())[:CHILDREN_A_RUN])
        known = await self._children.known(run.tenant, wanted)
        unknown = [id for id in wanted if id not in known]
        heads = await self._bus.heads(run.partition, unknown) if unknown else []
        nobody = [id for id, head in zip(unknown, heads, strict=True) if head is None]
        entries = _signals(run.id, wanted, known, nobody)
        if not entries:
            return 0
        not_after = await self._bus.now() + NOT_AFTER_MS
        await self._bus.send(run.partition, entries, not_after=not_after)
        CHILDREN_HEALED.inc(len(entries))
        log.warning("children_healed", run_id=run.id, signals=len(entries), unknown=len(nobody))
        return len(entries)

    async def _load(self, run: LiveParent) -> RunState | None:
        """The run as Redis holds it, if it waits for child runs and stands where it stood."""
        [loaded] = await self._bus.load_runs(run.partition, [run.id])
        if loaded is None or "meta" not in loaded.fields or "rest" not in loaded.fields:
            return None
        try:
            start = _decode_start(loaded.fields["meta"])
            ir = loaded.fields["ir"].decode() if "ir" in loaded.fields else start.ir
            state = RunState.from_hash(await self._plans.get(run.tenant, ir), start, loaded.fields)
        except (NotFound, KeyError, ValueError, msgspec.MsgspecError) as error:
            log.warning("run_unreadable", run_id=run.id, reason=str(error))
            return None
        return state if state.rest.children and state.seq == run.seq else None


def _signals(
    run: str, wanted: dict[str, Parent], known: dict[str, Outcome | None], nobody: list[str]
) -> list[Fields]:
    """Ends that the parent missed, and a request to start what nobody knows."""
    ended = [(wanted[id].token, outcome) for id, outcome in known.items() if outcome is not None]
    entries: list[Fields] = [
        [("k", b"done"), (token, _encode(outcome))] for token, outcome in ended
    ]
    if nobody:
        reemit = Reemit(run=run, tokens=[], children=nobody)
        entries.append([("k", b"reemit"), ("s", _encode(reemit))])
    return entries
