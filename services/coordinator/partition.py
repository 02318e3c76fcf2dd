"""One owned partition: its lease, the runs in memory and the commits under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import NamedTuple

import structlog

from minuet.bus.api import Commit, CoordinatorBus, Lease, StaleRuns, id_order
from minuet.ir.run_state import RunState
from minuet.model.errors import BusUnavailable, Fenced

from . import metrics
from .clock import RedisClock

log = structlog.get_logger()

COMMITS_UNDER_WAY = 3
MAX_CACHED_RUNS = 50_000
ALONE_FROM = 3  # takeovers at the same signal: it is routed alone
REFUSE_FROM = 5  # and from here not routed at all: the runs that it names fail


class Installed(NamedTuple):
    """A restore: `last` of the state that it brought, and the number of the commit with it."""

    last: str
    number: int


class OwnedPartition:
    """`states` are copies of what Redis holds *after* the commits under way. The first commit that
    is refused, or whose outcome is unknown, makes the partition `lost`: everything in memory is
    worthless then, and `on_lost` is called once.
    """

    def __init__(
        self,
        lease: Lease,
        bus: CoordinatorBus,
        clock: RedisClock,
        on_lost: Callable[[OwnedPartition], None],
        stale: StaleRuns | None = None,
    ) -> None:
        self.p = lease.p
        self.owner = lease.owner
        self.cursor = lease.cursor  # read so far; Redis holds that of the last commit
        self.number = lease.commit  # of the last commit sent
        self.acknowledged = lease.commit
        self.takeovers = lease.takeovers
        self.tried = False  # whether the suspect was routed, with whatever outcome
        self.next_timer_at: int | None = 0  # 0: ask Redis
        self.states: dict[str, RunState] = {}
        self.restores: dict[str, Installed] = {}
        self.outstanding: dict[str, int] = {}
        self.lost = False
        self.lost_by = ""
        self._stale = stale
        self._bus = bus
        self._clock = clock
        self._on_lost = on_lost
        self._under_way: list[asyncio.Task[None]] = []

    @property
    def is_suspect(self) -> bool:
        """Whether the first unread signal was there at several deaths of its owners."""
        return self.takeovers >= ALONE_FROM

    def give_up(self, cause: str) -> None:
        """Drop everything; harmless when repeated. `cause` "error" means that the commit itself
        is at fault: sent again it would fail again."""
        if not self.lost:
            self.lost = True
            self.lost_by = cause
            self.states.clear()
            metrics.FENCED.labels(cause).inc()
            log.warning("partition_lost", partition=self.p, owner=self.owner, cause=cause)
            self._on_lost(self)

    def stale_at(self, signal: str) -> Collection[str]:
        """Runs for which signals up to this one do not count, their restores excepted."""
        if self._stale is not None and id_order(signal) >= id_order(self._stale.until):
            self._stale = None
        return () if self._stale is None else self._stale.runs

    async def room(self) -> None:
        """Wait until one more commit may be sent."""
        while len(self._under_way) >= COMMITS_UNDER_WAY and not self.lost:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def drained(self) -> None:
        """Wait until no commit is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def shrink(self) -> None:
        """Drop the runs that are longest in memory if there are too many. To be called between
        batches: a run may be dropped only while no batch names it and no commit of it is under
        way, or its next load would miss something."""
        if len(self.states) <= MAX_CACHED_RUNS:
            return
        await self.drained()
        # A tenth at once, so that this wait is rare.
        surplus = len(self.states) - MAX_CACHED_RUNS * 9 // 10
        for run in list(self.states)[:surplus]:
            del self.states[run]

    def send(self, commit: Commit, ended: list[str], arrived_ms: int) -> None:
        """Send a commit that builds on the last one sent. `ended` names runs to forget once it is
        acknowledged; `arrived_ms` (Redis time) is when its oldest signal came."""
        self.number = commit.number + 1
        self.cursor = commit.cursor
        # Eager enough: the call is written before the loop reads the next batch, so Redis sees
        # commits of this partition in order, and later loads see their effect.
        task = asyncio.ensure_future(self._commit(commit, ended, arrived_ms))
        self._under_way.append(task)
        task.add_done_callback(self._under_way.remove)

    def note_timer(self, due_at: int) -> None:
        if self.next_timer_at is None or due_at < self.next_timer_at:
            self.next_timer_at = due_at

    async def _commit(self, commit: Commit, ended: list[str], arrived_ms: int) -> None:
        sent = self._clock.local()
        try:
            server_now = await self._bus.commit(commit)
        except Fenced:
            self.give_up("fenced")
        except BusUnavailable:
            self.give_up("unknown_outcome")
        except Exception:
            # A commit that cannot even be encoded must not be taken for done.
            log.exception("commit_failed", partition=self.p, commit=commit.number)
            self.give_up("error")
        else:
            self._clock.learn(sent, server_now)
            self.acknowledged = max(self.acknowledged, commit.number + 1)
            # Only now: asked before the commit was there, Redis would know of no such timer.
            for _, due_at in commit.timers_add:
                self.note_timer(due_at)
            metrics.COMMITS.inc()
            metrics.COMMIT_SECONDS.observe((self._clock.local() - sent) / 1000)
            metrics.HOP_SECONDS.observe(max(0, server_now - arrived_ms) / 1000)
            self._forget(ended)

    def _forget(self, ended: list[str]) -> None:
        for run in ended:
            state = self.states.get(run)
            if state is not None and state.status.ended:  # not restored to life meanwhile
                del self.states[run]

    def count_out(self, type_: str, change: int) -> None:
        self.outstanding[type_] = max(0, self.outstanding.get(type_, 0) + change)
