"""Sends restores, portion by portion: however many runs are lost, few are in memory at once."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import structlog

from minuet.bus.api import Fields, ReconcilerBus
from minuet.model.errors import NotFound
from minuet.model.signal import Restore
from minuet.store import history
from minuet.store.database import Database
from minuet.store.history import LiveRun, StoredRun

from .metrics import BEHIND, RESTORES
from .restore import RestoreMaker

log = structlog.get_logger(__name__)

NOT_AFTER_MS: Final = 30_000
RUNS_AT_ONCE: Final = 64
EVENTS_AT_ONCE: Final = 20_000
LANES: Final = 4
PROGRESS_S: Final = 5.0

_encode = msgspec.json.Encoder().encode


class Restorer:
    def __init__(
        self,
        database: Database,
        bus: ReconcilerBus,
        maker: RestoreMaker,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._bus = bus
        self._maker = maker
        self._clock = clock
        self._lanes = asyncio.Semaphore(LANES)

    async def send(self, runs: Sequence[LiveRun]) -> list[str]:
        """Send the runs as Postgres holds them now; those that were sent.

        Parents go before their children, which were accepted after them: the end of a child whose
        parent Redis does not know yet would reach nobody.
        """
        in_order = sorted(runs, key=lambda run: run.accepted_at)
        sent: list[str] = []
        told_at, done = self._clock(), 0
        for portion in portions(in_order):
            BEHIND.set(len(in_order) - done)
            sent += await self._send(portion)
            done += len(portion)
            if self._clock() - told_at >= PROGRESS_S:
                told_at = self._clock()
                log.info("restoring", done=done, of=len(in_order))
        BEHIND.set(0)
        return sent

    async def _send(self, runs: list[LiveRun]) -> list[str]:
        """Redis time is read before the rows: a run that ended and was forgotten since then can
        refuse the restore by its `not_after`."""
        not_after = await self._bus.now() + NOT_AFTER_MS
        async with self._database.connection() as c:
            stored = await history.stored_runs(c, [run.id for run in runs])
        found = [stored[run.id] for run in runs if run.id in stored]
        restores = await asyncio.gather(*(self._made(each, not_after) for each in found))
        by_partition: defaultdict[int, list[Restore]] = defaultdict(list)
        partitions = {run.id: run.partition for run in runs}
        for restore in restores:
            if restore is not None:
                by_partition[partitions[restore.run]].append(restore)
        sent: list[str] = []
        for p, of_p in by_partition.items():
            signals: list[Fields] = [[("k", b"restore"), ("s", _encode(each))] for each in of_p]
            if await self._bus.send(p, signals, not_after=not_after):
                sent += [each.run for each in of_p]
                _tell(of_p)
        return sent

    async def _made(self, run: StoredRun | ValueError, not_after: int) -> Restore | None:
        """None, and a line in the log, for a run that cannot be rebuilt."""
        async with self._lanes:
            try:
                if isinstance(run, ValueError):
                    raise run
                return await self._maker.make(run, not_after=not_after)
            except (ValueError, KeyError, NotFound, msgspec.MsgspecError) as error:
                id = run.start.id if isinstance(run, StoredRun) else None
                log.exception("restore_impossible", run_id=id, reason=str(error))
                RESTORES.labels("impossible").inc()
                return None


def portions(runs: Sequence[LiveRun]) -> Iterator[list[LiveRun]]:
    """In order; each few runs with few events in all, but one run at least."""
    portion: list[LiveRun] = []
    events = 0
    for run in runs:
        if portion and (len(portion) == RUNS_AT_ONCE or events + run.seq > EVENTS_AT_ONCE):
            yield portion
            portion, events = [], 0
        portion.append(run)
        events += run.seq
    if portion:
        yield portion


def _tell(restores: Sequence[Restore]) -> None:
    for restore in restores:
        RESTORES.labels("fork" if restore.fork else "behind").inc()
        log.info("restore_sent", run_id=restore.run, seq=restore.seq, fork=restore.fork)
