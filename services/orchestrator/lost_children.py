"""Heals runs that wait for child runs in vain, and stops child runs that nobody waits for.

A child run ends by a signal in the commit of its end. Should Redis go back to before that commit
after it was recorded, the child is restored as ended, and nobody tells its parent any more. Only
runs that have stood still since the last sweep are looked at. In the same way the signal may be
lost by which a parent that ended stops its children: whoever is still alive at the second sweep
after that is stopped again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec
import structlog

from minuet.bus.api import Fields, ReconcilerBus
from minuet.cas.plans import PlanCache
from minuet.ir.run_state import RunState
from minuet.model.errors import NotFound
from minuet.model.signal import Parent, Reemit, Start, Stop
from minuet.model.token import Outcome
from minuet.store import children
from minuet.store.database import Database
from minuet.store.history import LiveRun

from .child_runs import ChildRuns, live_children
from .metrics import CHILDREN_HEALED
from .ports import Cas

log = structlog.get_logger(__name__)

RUNS_A_SWEEP = 2_000
ORPHANS_A_SWEEP = 2_000
CHILDREN_A_RUN = 1_000
SIGNALS_AT_ONCE = 64  # an outcome has up to 64 KiB
NOT_AFTER_MS = 30_000
_decode_start = msgspec.json.Decoder(Start).decode
_encode = msgspec.json.Encoder().encode


class LostChildren:
    """One sweep is `begin`, `note` for all live runs, then `heal`."""

    def __init__(self, database: Database, bus: ReconcilerBus, cas: Cas, plans: PlanCache) -> None:
        self._database = database
        self._bus = bus
        self._plans = plans
        self._children = ChildRuns(database, cas)
        self._stood: dict[str, int] = {}  # run -> seq, as of the last sweep
        self._noted: dict[str, LiveRun] = {}
        self._childless: dict[str, int] = {}  # run -> seq at which it waits for no child run
        self._orphans: set[str] = set()

    def begin(self) -> None:
        """A new sweep; what an unfinished one noted does not count."""
        self._noted = {}

    def note(self, runs: Iterable[LiveRun]) -> None:
        """Live runs as Postgres holds them now."""
        self._noted.update((run.id, run) for run in runs)

    async def heal(self) -> int:
        """End of the sweep; how many signals were sent."""
        still = [run for run in self._noted.values() if self._stood.get(run.id) == run.seq]
        self._stood = {run.id: run.seq for run in self._noted.values()}
        self._childless = {
            id: seq for id, seq in self._childless.items() if self._stood.get(id) == seq
        }
        due = [run for run in still if run.id not in self._childless][:RUNS_A_SWEEP]
        sent = sum([await self._heal(run) for run in due])
        return sent + await self._stop_orphans()

    async def _heal(self, run: LiveRun) -> int:
        state = await self._load(run)
        if state is None:
            return 0
        wanted = dict(list(live_children(state).items())[:CHILDREN_A_RUN])
        if not wanted:
            self._childless[run.id] = run.seq
            return 0
        known = await self._children.known(state.start.tenant, wanted)
        unknown = [id for id in wanted if id not in known]
        heads = await self._bus.heads(run.partition, unknown) if unknown else []
        nobody = [id for id, head in zip(unknown, heads, strict=True) if head is None]
        entries = _signals(run.id, wanted, known, nobody)
        if not entries:
            return 0
        log.warning("children_healed", run_id=run.id, signals=len(entries), unknown=len(nobody))
        return await self._send(run.partition, entries)

    async def _load(self, run: LiveRun) -> RunState | None:
        """The run as Redis holds it, if it stands where it stood."""
        [loaded] = await self._bus.load_runs(run.partition, [run.id])
        if loaded is None or "meta" not in loaded.fields:
            return None
        try:
            start = _decode_start(loaded.fields["meta"])
            ir = loaded.fields["ir"].decode() if "ir" in loaded.fields else start.ir
            state = RunState.from_hash(
                await self._plans.get(start.tenant, ir), start, loaded.fields
            )
        except (NotFound, KeyError, ValueError, msgspec.MsgspecError) as error:
            log.warning("run_unreadable", run_id=run.id, reason=str(error))
            return None
        return state if state.seq == run.seq else None

    async def _stop_orphans(self) -> int:
        async with self._database.connection() as c:
            found = await children.orphans(c, limit=ORPHANS_A_SWEEP)
        again = [orphan for orphan in found if orphan.id in self._orphans]
        self._orphans = {orphan.id for orphan in found}
        stops: defaultdict[int, list[Fields]] = defaultdict(list)
        for orphan in again:
            stop = Stop(orphan.id, "the run that it is a part of has ended")
            stops[orphan.partition].append([("k", b"stop"), ("s", _encode(stop))])
        if again:
            log.warning("orphans_stopped", runs=len(again), first=again[0].id)
        return sum([await self._send(p, entries) for p, entries in stops.items()])

    async def _send(self, p: int, entries: list[Fields]) -> int:
        not_after = await self._bus.now() + NOT_AFTER_MS
        sent = 0
        for some in _portions(entries, SIGNALS_AT_ONCE):
            sent += await self._bus.send(p, some, not_after=not_after)
        CHILDREN_HEALED.inc(sent)
        return sent


def _portions(entries: list[Fields], most: int) -> Iterator[list[Fields]]:
    for first in range(0, len(entries), most):
        yield entries[first : first + most]


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
