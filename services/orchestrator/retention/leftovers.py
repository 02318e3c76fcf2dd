"""Finds what runs that are over have left on Redis, and lets it go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from minuet.bus.leftovers import LeftoverBus
from minuet.model.state import Head
from minuet.store import live, retention
from minuet.store.database import Database
from minuet.store.history import EndedRun

from ..archiving import archive
from ..metrics import LEFTOVERS

log = structlog.get_logger(__name__)

AGE: Final = timedelta(seconds=30)
"""What ended just now goes by itself: the recorder tells the owner."""
CANCELLED_FOR_MS: Final = 60_000
CONSUMER_IDLE_MS: Final = 600_000
LIVE_FOR_MS: Final = 60_000
RUNS_AT_ONCE: Final = 500
TOKENS_AT_ONCE: Final = 2_000
MOST_TASKS: Final = 50_000


class Leftovers:
    """`archived` may be lost, if Redis goes back to before it came, and a run that is over for
    Postgres may live on there: nobody else would ever look at those. What is found is acted upon
    at the second sweep that finds it."""

    def __init__(self, database: Database, bus: LeftoverBus) -> None:
        self._database = database
        self._bus = bus
        self._found: set[str] = set()
        self._strange: dict[str, int] = {}  # runs that Postgres does not know -> since when

    async def sweep(self) -> None:
        """Raises Unavailable; what is left then is found the next time."""
        partitions = await self._database.partitions()
        await self._archive_runs(partitions)
        for p in range(partitions):
            await self._withdraw_tasks(p)
            dropped = await self._bus.drop_consumers(p, min_idle_ms=CONSUMER_IDLE_MS)
            LEFTOVERS.labels("consumer").inc(dropped)
        await self._trim_live(partitions)

    # ── runs ──────────────────────────────────────────────────────────────────────────────────

    async def _archive_runs(self, partitions: int) -> None:
        """Ask the owners to forget runs that are over."""
        now = await self._bus.now()
        oldest = await self._bus.oldest_events(range(partitions))
        found: set[str] = set()
        strange: dict[str, int] = {}
        async for p, runs in self._bus.held_runs(range(partitions)):
            recorded_until = oldest.get(p, now)
            for at in range(0, len(runs), RUNS_AT_ONCE):
                some = runs[at : at + RUNS_AT_ONCE]
                over = await self._over(p, some)
                over |= await self._unknown(p, some, now, recorded_until, strange)
                found |= over
                await self._send_archived(p, sorted(over & self._found))
        self._found, self._strange = found, strange

    async def _over(self, p: int, runs: Sequence[str]) -> set[str]:
        async with self._database.connection() as c:
            settled = await retention.settled_among(c, runs, age=AGE)
        listed = [run for run in runs if run in settled]
        unpurged = await self._bus.unpurged(p, listed)
        return {run for run, whole in zip(listed, unpurged, strict=True) if whole}

    async def _unknown(
        self, p: int, runs: Sequence[str], now: int, recorded_until: int, strange: dict[str, int]
    ) -> set[str]:
        """Runs that have ended and of which nothing will be recorded any more: all that their
        partition told until they were first found is, and Postgres still knows of none. A child
        run is unknown until its beginning is recorded, so those that live are left alone."""
        async with self._database.connection() as c:
            known = await retention.known_among(c, runs)
        listed = [run for run in runs if run not in known]
        heads = await self._bus.heads(p, listed)
        ended = [run for run, head in zip(listed, heads, strict=True) if _has_ended(head)]
        for run in ended:
            strange[run] = self._strange.get(run, now)
        over = [run for run in ended if strange[run] < recorded_until]
        unpurged = await self._bus.unpurged(p, over)
        return {run for run, whole in zip(over, unpurged, strict=True) if whole}

    async def _send_archived(self, p: int, runs: Sequence[str]) -> None:
        if runs:
            await archive(self._bus, p, [EndedRun(run, p, 0) for run in runs])
            LEFTOVERS.labels("run").inc(len(runs))
            log.warning("leftovers_archived", partition=p, runs=len(runs), first=runs[0])

    # ── what else they leave ──────────────────────────────────────────────────────────────────

    async def _withdraw_tasks(self, p: int) -> None:
        """Tokens that were cancelled with their run wait in line where no worker comes for them.
        Reading a long line costs more than it frees: then their hour passes."""
        before = await self._bus.now() - CANCELLED_FOR_MS
        tokens = await self._bus.cancelled_before(p, before, limit=TOKENS_AT_ONCE)
        if not tokens:
            return
        runs = sorted({_run_of(token) for token in tokens})
        async with self._database.connection() as c:
            over = await retention.settled_among(c, runs, age=AGE)
        if not over or sum((await self._bus.backlog(p)).values()) > MOST_TASKS:
            return
        withdrawn = await self._bus.withdraw(p, over)
        LEFTOVERS.labels("task").inc(withdrawn)
        gone = [token for token in tokens if _run_of(token) in over]
        await self._bus.forget_cancelled(p, gone)
        LEFTOVERS.labels("cancelled").inc(len(gone))

    async def _trim_live(self, partitions: int) -> None:
        """What was told beside the history and is stored, after a while for those who watch."""
        async with self._database.connection() as c:
            cursors = await live.live_cursors(c)
        before = await self._bus.now() - LIVE_FOR_MS
        through = {
            p: id if int(id.split("-")[0]) < before else f"{before}-0"
            for p, id in cursors.items()
            if p < partitions
        }
        if through:
            await self._bus.trim_live(through)


def _run_of(token: str) -> str:
    return token.split("/", 1)[0]


def _has_ended(head: bytes | None) -> bool:
    if head is None:
        return False
    try:
        return Head.decode(head.decode()).status.ended
    except ValueError:  # the reconciler says so
        return False
