"""Restores: whether one is called for, and the state that it brings."""

from __future__ import annotations

import msgspec
import structlog

from minuet.cas.plans import Blobs, PlanCache
from minuet.ir.advance import abort, reinstate
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Limits, Transition
from minuet.model.errors import NotFound
from minuet.model.signal import Restore
from minuet.model.state import Head, RunSnapshot

from .assembler import Assembler
from .clock import RedisClock
from .partition import OwnedPartition

log = structlog.get_logger()
_snapshot = msgspec.json.Decoder(RunSnapshot).decode

MOST_REFUSED = 3
"""Transitions of a run that Postgres refuses: then the run fails, it would meet them for ever."""


class RestoredRun:
    """A run as Postgres holds it, read whole before anything in memory changes."""

    def __init__(
        self, plan: Plan, snapshot: RunSnapshot, now: int, *, anew: bool, refused: int = 0
    ) -> None:
        """`anew`: it replaces a state that Redis holds. `refused`: transitions of it that could not
        be recorded. Raises KeyError or ValueError if the snapshot does not fit the plan."""
        self.run = snapshot.start.run
        self._plan = plan
        self._snapshot = snapshot
        self._now = now
        self._anew = anew
        self._refused = refused
        self._state = RunState.from_snapshot(plan, snapshot)
        self.last = self._state.last
        self.replaced: RunState | None = None
        self._limits = Limits()

    def install(self, assembler: Assembler) -> RunState:
        """Let the state go on; once. Timers of the state that it replaces go with that."""
        state = self._state
        self._limits = assembler.limits()
        transition = self._reinstate(state)
        if self.replaced is not None:
            stale = self.replaced.timers().keys() - transition.timers_add.keys()
            transition.timers_del.extend(sorted(stale))
        assembler.add(state, transition, replace=True)
        if self._refused >= MOST_REFUSED and not state.status.ended:
            assembler.add(state, abort(state, "what it comes to cannot be recorded"))
        return state

    def again(self, assembler: Assembler) -> RunState:
        """The state as `install` left it, made anew: what came after it went wrong."""
        state = RunState.from_snapshot(self._plan, self._snapshot)
        self._reinstate(state)
        state.last = assembler.id
        return state

    def _reinstate(self, state: RunState) -> Transition:
        children = self._snapshot.children
        return reinstate(state, self._now, self._limits, children, anew=self._anew)


class Restores:
    """Judges and reads `restore` signals."""

    def __init__(self, plans: PlanCache, blobs: Blobs, clock: RedisClock) -> None:
        self._plans = plans
        self._blobs = blobs
        self._clock = clock

    async def read(
        self, partition: OwnedPartition, restore: Restore, own: RunState | None, head: Head | None
    ) -> RestoredRun | None:
        """The run to install, or None if that is not called for or cannot be read. `own` is the
        run in memory, also one that has ended and left it since its batch was loaded; `head` what
        Redis knew then of one that was not there. Raises StoreUnavailable."""
        seq = own.seq if own is not None else head.seq if head is not None else -1
        if seq >= restore.seq and not restore.fork:
            return None
        try:
            found = await self._read(restore, anew=seq >= 0)
        except (NotFound, msgspec.MsgspecError, ValueError, KeyError) as exc:
            log.error("restore_unreadable", run_id=restore.run, error=str(exc))
            return None
        if seq >= restore.seq and self._is_behind(partition, found, restore.refused):
            log.info("restore_obsolete", run_id=restore.run, seq=restore.seq)
            return None
        found.replaced = own
        return found

    async def _read(self, restore: Restore, *, anew: bool) -> RestoredRun:
        data = await self._blobs.get(restore.tenant, restore.state.digest)
        if data is None:
            raise NotFound(f"there is no blob {restore.state.digest}")
        snapshot = _snapshot(data)
        if snapshot.start.run != restore.run:
            raise ValueError(f"the state is of run {snapshot.start.run}")
        plan = await self._plans.get(restore.tenant, snapshot.ir or snapshot.start.ir)
        return RestoredRun(plan, snapshot, self._clock.now(), anew=anew, refused=restore.refused)

    def _is_behind(self, partition: OwnedPartition, found: RestoredRun, refused: int) -> bool:
        """Whether our history goes through that state already: then the fork it tells of is mended,
        and going back to it would part from what was recorded since.

        Commits of one ownership are one line; only a restore installed meanwhile leaves it. What
        was `refused` is in that line too, and must be left.
        """
        installed = partition.restores.get(found.run)
        if installed is not None and installed.last == found.last:
            return True
        owner, _, number = found.last.rpartition("/")
        if refused or owner != partition.owner or not number.isdigit():
            return False
        return installed is None or int(number) > installed.number
