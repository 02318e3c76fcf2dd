"""Deletes runs that have ended, with all that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol

import msgspec
import structlog

from minuet.bus.api import Fields, SignalBus
from minuet.bus.keys import partition_of
from minuet.model.errors import Conflict, NotFound, Unavailable
from minuet.model.ids import is_run_id
from minuet.model.signal import Archived
from minuet.model.status import RunStatus
from minuet.store import deletion, history, uses
from minuet.store.database import Database
from minuet.store.deletion import Member

from ..auth import Principal
from ..errors import Forbidden, RunGoesOn
from ..metrics import RUNS_DELETED
from .cache import Cache

log = structlog.get_logger(__name__)

ROWS_AT_ONCE: Final = 2_000
RUNS_AT_ONCE: Final = 100
REMEMBERED: Final = timedelta(days=7)
_encode = msgspec.json.Encoder().encode


class Bus(SignalBus, Protocol):
    async def announce(self, message: bytes) -> None: ...


class Deleter:
    """The rows that make a family of runs known go in one transaction; from then on it is deleted,
    whoever dies. The rest follows at once, or by the next sweep: `deleted_runs` lists what is
    still to be done."""

    def __init__(self, database: Database, bus: Bus, cache: Cache) -> None:
        self._database = database
        self._bus = bus
        self._cache = cache

    async def delete_asked(self, principal: Principal, run: str) -> int:
        """As `delete`. Raises Forbidden for agents: they may not undo what people look at."""
        if principal.kind == "agent":
            raise Forbidden(f"agents delete no runs; you are {principal.id!r}")
        return await self.delete(principal.tenant, run, by=principal.id)

    async def delete(self, tenant: str, run: str, *, by: str, reason: str = "asked") -> int:
        """How many runs are gone: it and its child runs. `reason` is asked or policy.

        Raises NotFound (a second time too), RunGoesOn unless all of them have ended, Conflict for
        a child run, StoreUnavailable: then it is unknown whether they are deleted.
        """
        if not is_run_id(run):
            raise NotFound(f"there is no run {run!r}")
        async with self._database.transaction() as c:
            # The recorder waits: no child run is born, and nothing is recorded of these.
            await history.lock_partitions(c, [partition_of(run)])
            family = await deletion.family_of(c, tenant, run)
            _check(run, family)
            ids = [each.id for each in family]
            blobs = await uses.used_by_ended_alone(c, ids)
            await deletion.delete_runs(c, family, by=by)
        RUNS_DELETED.labels(reason).inc(len(ids))
        log.info("run_deleted", run_id=run, runs=len(ids), by=by, reason=reason)
        try:
            await self._bus.announce(_encode({"runs": [], "deleted": ids}))
            await self._cache.fade(blobs)
            await self._forget_in_redis(ids)
            await self.sweep_parts(ids)
        except Unavailable as error:  # deleted it is: the sweeps do the rest
            log.warning("deletion_unfinished", run_id=run, code=error.code, reason=str(error))
        return len(ids)

    async def _forget_in_redis(self, ids: Sequence[str]) -> None:
        """Their keys went when they ended, but for what Redis brought back or has yet to do."""
        signals: list[Fields] = [
            [("k", b"archived"), ("s", _encode(Archived(run=id, seq=0)))] for id in ids
        ]
        for at in range(0, len(signals), RUNS_AT_ONCE):
            await self._bus.send(partition_of(ids[0]), signals[at : at + RUNS_AT_ONCE])

    async def sweep_parts(self, runs: Sequence[str]) -> None:
        """Delete what is left of deleted runs, portion by portion. Raises StoreUnavailable."""
        for at in range(0, len(runs), RUNS_AT_ONCE):
            some = runs[at : at + RUNS_AT_ONCE]
            async with self._database.connection() as c:
                while await deletion.sweep_parts(c, some, limit=ROWS_AT_ONCE):
                    pass
                await deletion.note_swept(c, some)

    async def sweep(self) -> int:
        """Finish what others left undone, and forget what was deleted long ago; how many runs."""
        async with self._database.connection() as c:
            left = await deletion.unswept(c, limit=10 * RUNS_AT_ONCE)
            old = await deletion.reopen_old(c, age=REMEMBERED, limit=10 * RUNS_AT_ONCE)
        await self.sweep_parts(left)
        # What came late, beside the history, came without anybody to look whether there is a run.
        await self.sweep_parts(old)
        async with self._database.connection() as c:
            await deletion.forget_deleted(c, old)
        return len(left)


def _check(run: str, family: Sequence[Member]) -> None:
    """Raises NotFound, Conflict, RunGoesOn."""
    if not family:
        raise NotFound(f"there is no run {run!r}")
    root = next(each for each in family if each.id == run)
    if root.parent_run is not None:
        raise Conflict(
            f"run {run} is a child of run {root.parent_run} and goes with it: "
            "delete the run that was started"
        )
    status = RunStatus(root.status)
    if not status.ended:
        raise RunGoesOn(
            f"run {run} is {status.word}: cancel it (POST /api/v1/runs/{run}/cancel), "
            "and delete it when it has ended",
            status=status.word,
        )
    for child in family:
        if not (status := RunStatus(child.status)).ended:
            raise RunGoesOn(
                f"child run {child.id} is {status.word} and being stopped: "
                f"delete run {run} when it has ended",
                status=status.word,
            )
