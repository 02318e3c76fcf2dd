"""Brings Redis back to what Postgres holds, wherever Redis lost it. Postgres wins."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import asyncpg
import structlog

from minuet.bus.api import ReconcilerBus
from minuet.cas.plans import PlanCache
from minuet.model.errors import Unavailable
from minuet.model.state import Head
from minuet.service import stopped_within
from minuet.store import commands, history
from minuet.store.database import Database
from minuet.store.history import LiveRun

from .ended_suspects import archive_again
from .lost_children import LostChildren
from .lost_tokens import LostTokens
from .metrics import LOSSES, SWEEP_SECONDS
from .ports import Cas
from .restore import RestoreMaker
from .restorer import Restorer
from .revenants import Revenants
from .vouching import Doubt, Vouching

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
PAGE: Final = 500
FIRST_AGAIN_S: Final = 1.0
FORK_PATIENCE_S: Final = 10.0
"""A restore after a fork is installed whatever the owner has. Sent again before the transition of
the first is recorded, it would undo what came after: that one gets this long."""
LOCK_KEY: Final = 0x7265636F6E63


def _nothing() -> None:
    """For who keeps nothing that Redis may lose."""


class Reconciler:
    """Looks each second whether Redis lost something and whether the recorder asks, and every
    `interval_s` at all live runs. Of several orchestrators one at a time heals; each calls
    `on_loss` when Redis was emptied or started anew."""

    def __init__(
        self,
        database: Database,
        bus: ReconcilerBus,
        cas: Cas,
        *,
        interval_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        on_loss: Callable[[], None] = _nothing,
    ) -> None:
        self._database = database
        self._bus = bus
        plans = PlanCache(cas)
        self._restorer = Restorer(database, bus, RestoreMaker(database, cas, plans), clock=clock)
        self._lost_children = LostChildren(database, bus, cas, plans)
        self._lost = LostTokens(bus, plans, clock=clock)
        self._vouching = Vouching(bus)
        self._revenants = Revenants(database, bus)
        self._interval_s = interval_s
        self._clock = clock
        self._on_loss = on_loss
        self._sweep_at = float("-inf")
        self._again_s = FIRST_AGAIN_S
        self._was_quiet = True
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
        """One look; sweeps if it is time or Redis lost something."""
        if await self._vouching.look(await self._database.partitions()):
            self._on_loss()
        async with self._database.transaction() as c:
            if not await c.fetchval("select pg_try_advisory_xact_lock($1)", LOCK_KEY):
                return
            await archive_again(self._database, self._bus)
            if doubts := await self._vouching.begin():
                await self._heal_loss(doubts)
            elif self._clock() >= self._sweep_at:
                self._plan_next(await self.sweep())
                await self._vouching.renew()
            else:
                await self._restore(await self._wanting(await self._suspects()))

    async def _heal_loss(self, doubts: Sequence[Doubt]) -> None:
        """What is vouched for may be built on: not before the restores stand in the signals."""
        for doubt in doubts:
            LOSSES.labels(doubt.voucher.finding).inc()
        emptied = [doubt.p for doubt in doubts if doubt.is_emptied]
        doubted = [doubt.p for doubt in doubts if not doubt.is_emptied]
        log.warning("redis_lost", emptied=emptied, doubted=doubted)
        self._lost.forget()
        sent = await self.sweep(doubts)
        await self._vouching.end(list(doubts))
        async with self._database.connection() as c:
            await commands.hurry(c)
        self._plan_next(sent, after_loss=True)
        log.warning("redis_compared", restores=sent)

    def _plan_next(self, sent: int, *, after_loss: bool = False) -> None:
        """Look again soon after restores were sent: an owner that was just losing its partition
        may have missed them, and a run that has them costs nothing but a look. After a loss look
        again in any case: a recorder may have had in hand what Redis no longer knows."""
        if after_loss or (sent and self._was_quiet):
            self._again_s = FIRST_AGAIN_S
        self._was_quiet = not sent
        self._sweep_at = self._clock() + min(self._again_s, self._interval_s)
        self._again_s = min(2 * self._again_s, self._interval_s)

    async def sweep(self, doubts: Sequence[Doubt] = ()) -> int:
        """Compare every live run with Redis and look for lost tokens of those that stand still;
        how many restores were sent. What an old copy of Redis brings back in the partitions of
        `doubts` is laid to rest."""
        with SWEEP_SECONDS.time():
            return await self._sweep(doubts)

    async def _sweep(self, doubts: Sequence[Doubt]) -> int:
        self._lost.begin()
        self._lost_children.begin()
        await self._bus.publish_partitions(await self._database.partitions())
        suspects = await self._wanting(await self._suspects())
        behind = await self._behind()
        stale = await self._revenants.lay(doubts, behind)
        sent = await self._restore([*suspects, *behind])
        await self._revenants.note(stale)
        await self._lost.resend()
        await self._lost_children.heal()
        return sent

    async def _behind(self) -> list[LiveRun]:
        """Live runs that Redis knows less of than Postgres."""
        behind: list[LiveRun] = []
        after = ""
        while True:
            async with self._database.connection() as c:
                runs = await history.live_runs(c, after=after, limit=PAGE)
            behind += await self._wanting([run for run in runs if not run.suspect])
            self._lost_children.note(run for run in runs if not run.suspect)
            if len(runs) < PAGE:
                return behind
            after = runs[-1].id

    async def _suspects(self) -> list[LiveRun]:
        """Those for which the recorder asks. Many that cannot be rebuilt must not stand in the way
        of others: what was sent lately takes no place."""
        async with self._database.connection() as c:
            suspects = await history.suspect_runs(c, limit=PAGE + len(self._forks_sent))
        asked = {run.id for run in suspects}
        self._forks_sent = {id: at for id, at in self._forks_sent.items() if id in asked}
        return suspects

    async def _restore(self, runs: Sequence[LiveRun]) -> int:
        sent = await self._restorer.send(runs)
        now = self._clock()
        self._forks_sent.update((run.id, now) for run in runs if run.suspect)
        return len(sent)

    async def _wanting(self, runs: Iterable[LiveRun]) -> list[LiveRun]:
        """Those that want a restore."""
        by_partition: defaultdict[int, list[LiveRun]] = defaultdict(list)
        for run in runs:
            by_partition[run.partition].append(run)
        found = [await self._wanting_in(p, of_p) for p, of_p in by_partition.items()]
        return [run for of_p in found for run in of_p]

    async def _wanting_in(self, p: int, runs: list[LiveRun]) -> list[LiveRun]:
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


def _head(run: LiveRun, text: bytes | None) -> Head | None:
    """One that cannot be read counts as lost: the restore writes it anew."""
    try:
        return None if text is None else Head.decode(text.decode())
    except ValueError as error:
        log.error("head_unreadable", run_id=run.id, reason=str(error))
        return None
