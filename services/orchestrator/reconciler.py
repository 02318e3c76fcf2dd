"""Brings Redis back to what Postgres holds, wherever Redis lost it. Postgres wins."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import asyncpg
import msgspec
import structlog

from minuet.bus.api import Fields, ReconcilerBus
from minuet.cas.plans import PlanCache
from minuet.model.errors import NotFound, Unavailable
from minuet.model.state import Head
from minuet.service import stopped_within
from minuet.store import history
from minuet.store.database import Database
from minuet.store.history import LiveRun

from .lost_children import LostChildren
from .lost_tokens import LostTokens
from .metrics import RESTORES
from .ports import Cas
from .restore import RestoreMaker

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
NOT_AFTER_MS: Final = 30_000
PAGE: Final = 500
FIRST_AGAIN_S: Final = 1.0
FORK_PATIENCE_S: Final = 10.0
"""A restore after a fork is installed whatever the owner has. Sent again before the transition of
the first is recorded, it would undo what came after: that one gets this long."""
LOCK_KEY: Final = 0x7265636F6E63

_encode = msgspec.json.Encoder().encode


class Reconciler:
    """Looks each second whether the server was restarted and whether the recorder asks, and every
    `interval_s` at all live runs. Of several orchestrators one at a time does it."""

    def __init__(
        self,
        database: Database,
        bus: ReconcilerBus,
        cas: Cas,
        *,
        interval_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._bus = bus
        plans = PlanCache(cas)
        self._maker = RestoreMaker(database, cas, plans)
        self._lost_children = LostChildren(database, bus, cas, plans)
        self._lost = LostTokens(bus, plans, clock=clock)
        self._interval_s = interval_s
        self._clock = clock
        self._server_id: str | None = None
        self._sweep_at = float("-inf")
        self._again_s = FIRST_AGAIN_S
        self._forks_sent: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Duty. What is away is waited for; an unfinished sweep is begun again."""
        while not stop.is_set():
            try:
                await self.tick()
            except (Unavailable, asyncpg.PostgresError) as error:
                log.warning("reconciling_failed", reason=str(error))
            await stopped_within(stop, TICK_S)

    async def tick(self) -> None:
        """One look; sweeps if it is time or the server is another one than before."""
        async with self._database.transaction() as c:
            if not await c.fetchval("select pg_try_advisory_xact_lock($1)", LOCK_KEY):
                return
            server_id = await self._bus.server_id()
            if server_id != self._server_id:
                self._lost.forget()
            if server_id != self._server_id or self._clock() >= self._sweep_at:
                self._plan_next(await self.sweep(), server_id)
            else:
                await self._heal(await self._suspects())

    def _plan_next(self, sent: int, server_id: str) -> None:
        """Look again soon after restores were sent: an owner that was just losing its partition
        may have missed them, and a run that has them costs nothing but a look."""
        if server_id != self._server_id or not sent:
            self._again_s = FIRST_AGAIN_S
        wait_s = min(self._again_s, self._interval_s) if sent else self._interval_s
        self._again_s *= 2
        self._server_id, self._sweep_at = server_id, self._clock() + wait_s

    async def sweep(self) -> int:
        """Compare every live run with Redis and look for lost tokens of those that stand still;
        how many restores were sent."""
        self._lost.begin()
        self._lost_children.begin()
        await self._bus.publish_partitions(await self._database.partitions())
        sent = await self._heal(await self._suspects())
        behind: list[LiveRun] = []
        after = ""
        while True:
            async with self._database.connection() as c:
                runs = await history.live_runs(c, after=after, limit=PAGE)
            behind += await self._look([run for run in runs if not run.suspect])
            self._lost_children.note(run for run in runs if not run.suspect)
            if len(runs) < PAGE:
                break
            after = runs[-1].id
        sent += await self._restore_all(behind)
        await self._lost.resend()
        await self._lost_children.heal()
        return sent

    async def _suspects(self) -> list[LiveRun]:
        async with self._database.connection() as c:
            suspects = await history.suspect_runs(c, limit=PAGE)
        asked = {run.id for run in suspects}
        self._forks_sent = {id: at for id, at in self._forks_sent.items() if id in asked}
        return suspects

    async def _heal(self, runs: Iterable[LiveRun]) -> int:
        return await self._restore_all(await self._look(runs))

    async def _restore_all(self, runs: Iterable[LiveRun]) -> int:
        """Parents before their children, which were accepted after them: the end of a child whose
        parent Redis does not know yet would reach nobody."""
        in_order = sorted(runs, key=lambda run: run.accepted_at)
        return sum([await self._restore(run.partition, run) for run in in_order])

    async def _look(self, runs: Iterable[LiveRun]) -> list[LiveRun]:
        """Those that want a restore."""
        by_partition: defaultdict[int, list[LiveRun]] = defaultdict(list)
        for run in runs:
            by_partition[run.partition].append(run)
        found = [await self._look_at(p, of_p) for p, of_p in by_partition.items()]
        return [run for of_p in found for run in of_p]

    async def _look_at(self, p: int, runs: list[LiveRun]) -> list[LiveRun]:
        texts = await self._bus.heads(p, [run.id for run in runs])
        behind: list[LiveRun] = []
        whole: list[tuple[str, Head]] = []
        for run, text in zip(runs, texts, strict=True):
            head = _head(run, text)
            if await self._wants_restore(run, head):
                behind.append(run)
            elif head is not None and not run.suspect:
                whole.append((run.id, head))
        await self._lost.note(p, whole)
        return behind

    async def _wants_restore(self, run: LiveRun, held: Head | None) -> bool:
        """Redis may be ahead (not yet recorded), never behind."""
        if not run.suspect:
            return held is None or held.seq < run.seq
        if held and (held.seq, held.last) == (run.seq, run.last_commit):
            async with self._database.connection() as c:
                await history.clear_restore_request(c, run)
            return False
        sent_at = self._forks_sent.get(run.id, float("-inf"))
        return self._clock() - sent_at >= FORK_PATIENCE_S

    async def _restore(self, p: int, run: LiveRun) -> int:
        """Redis time is read before the row: a run that ended and was forgotten since then can
        refuse the restore by its `not_after`."""
        not_after = await self._bus.now() + NOT_AFTER_MS
        try:
            async with self._database.connection() as c:
                stored = await history.stored_run(c, run.id)
            if stored is None:
                return 0
            restore = await self._maker.make(stored, not_after=not_after)
        except (ValueError, KeyError, NotFound, msgspec.MsgspecError) as error:
            log.exception("restore_impossible", run_id=run.id, reason=str(error))
            RESTORES.labels("impossible").inc()
            return 0
        fields: Fields = [("k", b"restore"), ("s", _encode(restore))]
        sent = await self._bus.send(p, [fields], not_after=not_after)
        if run.suspect and sent:
            self._forks_sent[run.id] = self._clock()
        RESTORES.labels("fork" if restore.fork else "behind").inc(sent)
        log.warning("restore_sent", run_id=run.id, seq=stored.seq, fork=restore.fork)
        return sent


def _head(run: LiveRun, text: bytes | None) -> Head | None:
    """One that cannot be read counts as lost: the restore writes it anew."""
    try:
        return None if text is None else Head.decode(text.decode())
    except ValueError as error:
        log.error("head_unreadable", run_id=run.id, reason=str(error))
        return None
