"""Lays to rest what an old copy of Redis brings back: runs that ended, tokens that were executed.

A server that went back shows runs as they were. Those that ended since are alive again, and tokens
stand in line whose executions are recorded. Nobody has built on that yet: workers and owners wait
until the partition is vouched for.

Where no voucher stood nobody waits. Mostly the partition was emptied, but the server may also be
back at a moment before the first voucher was written, with runs of that first second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from minuet.bus.api import ReconcilerBus, StaleRuns
from minuet.model.state import Head
from minuet.model.status import RunStatus
from minuet.store import history
from minuet.store.database import Database
from minuet.store.history import EndedRun, LiveRun

from .archiving import archive
from .metrics import REVENANTS, WITHDRAWN
from .vouching import Doubt

log = structlog.get_logger(__name__)

PAGE: Final = 500
MARGIN: Final = timedelta(seconds=60)
"""Ends are dated by an owner's estimate of Redis time, before their commit."""


class Revenants:
    def __init__(self, database: Database, bus: ReconcilerBus) -> None:
        self._database = database
        self._bus = bus

    async def lay(
        self, doubts: Sequence[Doubt], behind: Iterable[LiveRun]
    ) -> Mapping[int, set[str]]:
        """Archive the runs that live in Redis although Postgres has their end, and withdraw their
        tokens and those of the runs `behind`, which are sent again as they are restored. To be
        called before the restores are sent; all these runs, by partition.

        In an emptied partition those that are `behind` are left alone: an owner may have installed
        an earlier restore of them by now."""
        stale: dict[int, set[str]] = {doubt.p: set() for doubt in doubts if not doubt.is_emptied}
        for live in behind:
            if live.partition in stale:
                stale[live.partition].add(live.id)
        for p, ended in (await self._ended_but_alive(doubts)).items():
            stale.setdefault(p, set()).update(ended)
            await archive(self._bus, p, list(ended.values()))
            REVENANTS.inc(len(ended))
        tokens = sum([await self._bus.withdraw(p, runs) for p, runs in stale.items() if runs])
        WITHDRAWN.inc(tokens)
        if stale:
            log.warning("redis_went_back", stale_runs=sum(map(len, stale.values())), tokens=tokens)
        return stale

    async def note(self, stale: Mapping[int, set[str]]) -> None:
        """Tell the owners whose signals do not count up to here. To be called when all restores
        were sent, and before anybody owns the partitions."""
        for p, runs in stale.items():
            span = await self._bus.signal_span(p)
            await self._bus.note_stale(p, StaleRuns(frozenset(runs), span.last))

    async def _ended_but_alive(self, doubts: Iterable[Doubt]) -> Mapping[int, dict[str, EndedRun]]:
        """Postgres is asked before Redis: what has its end there has ended in what Redis is now,
        unless it was brought back."""
        found: defaultdict[int, dict[str, EndedRun]] = defaultdict(dict)
        async for p, runs in self._ended(doubts):
            heads = await self._bus.heads(p, [run.id for run in runs])
            for run, head in zip(runs, heads, strict=True):
                if head is not None and _lives(head):
                    found[p][run.id] = run
        return found

    async def _ended(self, doubts: Iterable[Doubt]) -> AsyncIterator[tuple[int, list[EndedRun]]]:
        """Runs that Postgres knows as ended and Redis may hold as alive, by partition. Since when
        an emptied one was empty nobody knows, but little stands there: that is looked through."""
        emptied: list[int] = []
        for doubt in doubts:
            if doubt.is_emptied:
                emptied.append(doubt.p)
                continue
            since = datetime.fromtimestamp(doubt.voucher.at / 1000, UTC) - MARGIN
            async for runs in _pages(self._database, doubt.p, since):
                yield doubt.p, runs
        if emptied:
            async for p, held in self._bus.held_runs(emptied):
                for at in range(0, len(held), PAGE):
                    yield p, await self._ended_among(p, held[at : at + PAGE])

    async def _ended_among(self, p: int, runs: Sequence[str]) -> list[EndedRun]:
        async with self._database.connection() as c:
            known = await history.run_heads(c, runs)
        return [
            EndedRun(id, p, head.seq) for id, head in known.items() if RunStatus(head.status).ended
        ]


async def _pages(database: Database, p: int, since: datetime) -> AsyncIterator[list[EndedRun]]:
    after = ""
    while True:
        async with database.connection() as c:
            runs = await history.runs_ended_since(c, [p], since, after=after, limit=PAGE)
        yield runs
        if len(runs) < PAGE:
            return
        after = runs[-1].id


def _lives(head: bytes) -> bool:
    """One that cannot be read is no better than alive."""
    try:
        return not Head.decode(head.decode()).status.ended
    except ValueError:
        return True
