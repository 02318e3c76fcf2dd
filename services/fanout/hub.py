"""The watched runs: one feed each, however many clients watch it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final, Protocol

import asyncpg
import msgspec
import structlog

from minuet.bus.api import Entry, RecorderBus, SignalBus
from minuet.bus.keys import partition_of
from minuet.model.errors import Unavailable
from minuet.model.event import CommitRecord, Event, LiveEvent, TransitionRecord
from minuet.model.status import RunStatus
from minuet.service import stopped_within
from minuet.store.database import Database
from minuet.store.history import RunHead, run_heads
from minuet.views.runs import RunViews, number_events

from . import metrics
from .client import GONE
from .feed import Feed, Link, Verdict, Watcher
from .frames import event_frames, live_frame
from .recovery import compare
from .tailer import Tailer

log = structlog.get_logger()

VERIFY_S: Final = 2.0
LEVEL_WITHIN_S: Final = 2.0
ANNOUNCED_GRACE_S: Final = 0.05
FIRST_REPAIR_S: Final = 0.05
LAST_REPAIR_S: Final = 2.0
START: Final = "0-0"


class Bus(RecorderBus, SignalBus, Protocol):
    """The part of the bus that feeds read."""


class LiveHead(msgspec.Struct):
    run: str
    tenant: str


_decode_commit = msgspec.json.Decoder(CommitRecord).decode
_decode_events = msgspec.json.Decoder(list[Event]).decode
_decode_head = msgspec.json.Decoder(LiveHead).decode
_decode_live = msgspec.json.Decoder(LiveEvent).decode


class Hub:
    """Shows what coordinators commit when it is read from Redis. What was missed there, because
    the recorder stored and deleted it first, and what Redis lost again, is found by comparing
    with Postgres: when a transition does not follow, when one is announced as recorded, and every
    `verify_s` for all runs at once."""

    def __init__(
        self, db: Database, bus: Bus, views: RunViews, *, verify_s: float = VERIFY_S
    ) -> None:
        self._db = db
        self._bus = bus
        self._views = views
        self._verify_s = verify_s
        self._feeds: dict[str, Feed] = {}
        self._opening: dict[str, asyncio.Task[Feed]] = {}
        self._repairs: dict[str, asyncio.Task[None]] = {}
        self._watched: Counter[int] = Counter()
        self._following: set[str] = set()
        self.events = Tailer("events", bus.read_events, self._handle_commit, self._beginning)
        self.live = Tailer("live", bus.read_live, self._handle_live, self._now)

    # ── clients ────────────────────────────────────────────────────────────────────────────────

    async def join(self, tenant: str, run: str, watcher: Watcher) -> Feed:
        """The feed, which from now on offers to `watcher`. Raises NotFound (for a run of another
        tenant too) and Unavailable."""
        await self._views.row(tenant, run)
        while (feed := self._feeds.get(run)) is None or run in self._opening:
            await self._opened(run, tenant)
        feed.watchers.add(watcher)
        return feed

    def leave(self, feed: Feed, watcher: Watcher) -> None:
        feed.watchers.discard(watcher)
        if not feed.watchers and feed.run not in self._opening:
            self._drop(feed)

    def feed_of(self, run: str) -> Feed | None:
        """The feed of a run that somebody watches."""
        return None if run in self._opening else self._feeds.get(run)

    async def repair(self, feed: Feed, cause: str, *, forked: bool = False) -> None:
        """Compare with Postgres now, then read again what Redis still holds."""
        metrics.RECOVERIES.labels(cause).inc()
        await compare(self._db, feed, forked=forked)
        self._follow(feed)

    # ── feeds ──────────────────────────────────────────────────────────────────────────────────

    async def _opened(self, run: str, tenant: str) -> Feed:
        """One opening serves all who wait for it, whoever of them goes away."""
        task = self._opening.get(run)
        if task is None:
            task = self._opening[run] = asyncio.create_task(self._open(run, tenant))
        return await asyncio.shield(task)

    async def _open(self, run: str, tenant: str) -> Feed:
        """From the record on: everything that Redis still holds of the run is shown, then what
        was recorded between the two readings."""
        try:
            async with self._db.connection() as c:
                head = (await run_heads(c, [run]))[run]
            ended = RunStatus(head.status).ended
            feed = Feed(run, tenant, seq=head.seq, commit=head.last_commit, ended=ended)
            self._feeds[run] = feed
            metrics.FEEDS.set(len(self._feeds))
            await self._make_level(feed)
        finally:
            del self._opening[run]
        return feed

    async def _make_level(self, feed: Feed) -> None:
        if feed.settled:
            return
        try:
            await asyncio.wait({self._follow(feed)}, timeout=LEVEL_WITHIN_S)
            await compare(self._db, feed)
        except BaseException:
            self._drop(feed)
            raise
        self._follow(feed)  # what came after a gap that the comparison closed

    def _drop(self, feed: Feed) -> None:
        self._unfollow(feed)
        self._feeds.pop(feed.run, None)
        if (repairing := self._repairs.pop(feed.run, None)) is not None:
            repairing.cancel()
        metrics.FEEDS.set(len(self._feeds))

    def _follow(self, feed: Feed) -> asyncio.Future[None]:
        """Read the run's partition from the beginning; a run that is over needs no reading."""
        p = partition_of(feed.run)
        if feed.settled or self._feeds.get(feed.run) is not feed:
            self._unfollow(feed)
            done = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        if feed.run not in self._following:
            self._following.add(feed.run)
            self._watched[p] += 1
            if self._watched[p] == 1:
                self.live.watch(p)
        return self.events.watch(p)

    def _unfollow(self, feed: Feed) -> None:
        p = partition_of(feed.run)
        if feed.run in self._following:
            self._following.discard(feed.run)
            self._watched[p] -= 1
            if not self._watched[p]:
                self.events.forget(p)
                self.live.forget(p)

    # ── what Redis tells ───────────────────────────────────────────────────────────────────────

    def _handle_commit(self, entry: Entry) -> None:
        try:
            commit = _decode_commit(dict(entry.fields)["e"])
        except (KeyError, msgspec.MsgspecError) as error:
            log.warning("entry_unreadable", partition=entry.p, entry=entry.id, reason=str(error))
            return
        for record in commit.runs:
            feed = self._feeds.get(record.run)
            if feed is not None:
                self._handle_transition(feed, record, commit)

    def _handle_transition(
        self, feed: Feed, record: TransitionRecord, commit: CommitRecord
    ) -> None:
        verdict = feed.judge(record.first_seq, record.seq, record.prev, commit.id)
        if verdict is Verdict.FOLLOWS:
            try:
                events = _decode_events(record.events)
            except msgspec.MsgspecError as error:
                log.warning("events_unreadable", run_id=feed.run, reason=str(error))
                return
            views = number_events(feed.run, record.first_seq, commit.time, events)
            feed.show(Link(record.first_seq, record.seq, commit.id, event_frames(views)))
            feed.ended = RunStatus(record.status).ended
            feed.repairs = 0
        elif verdict is not Verdict.REPEATED:
            self._repair_soon(feed, verdict.value, forked=verdict is Verdict.FORKED)

    def _handle_live(self, entry: Entry) -> None:
        try:
            data = dict(entry.fields)["l"]
            head = _decode_head(data)
            feed = self._feeds.get(head.run)
            if feed is not None and feed.tenant == head.tenant:
                feed.tell(live_frame(_decode_live(data)))
        except (KeyError, msgspec.MsgspecError) as error:
            log.warning("live_unreadable", partition=entry.p, entry=entry.id, reason=str(error))

    def recorded(self, run: str, seq: int) -> None:
        """Postgres holds `run` up to `seq`: if that was not shown, the stream missed it."""
        feed = self._feeds.get(run)
        if feed is not None and seq > feed.seq:
            self._repair_soon(feed, "announced")

    def deleted(self, run: str) -> None:
        """Somebody deleted the run: what was shown of it is all there was."""
        feed = self._feeds.get(run)
        if feed is not None and run not in self._opening:
            for watcher in list(feed.watchers):
                watcher.end(GONE, f"run {run} was deleted")

    async def _beginning(self) -> str:
        return START

    async def _now(self) -> str:
        return f"{await self._bus.now()}-0"

    # ── what Postgres tells ────────────────────────────────────────────────────────────────────

    def _repair_soon(self, feed: Feed, cause: str, *, forked: bool = False) -> None:
        """At once the first time, ever later while nothing helps; one at a time."""
        if feed.run not in self._repairs and feed.run not in self._opening:
            task = asyncio.create_task(self._repair(feed, cause, forked=forked))
            self._repairs[feed.run] = task

    async def _repair(self, feed: Feed, cause: str, *, forked: bool) -> None:
        if feed.repairs:
            await asyncio.sleep(min(FIRST_REPAIR_S * 2**feed.repairs, LAST_REPAIR_S))
        elif cause == "announced":
            await asyncio.sleep(ANNOUNCED_GRACE_S)  # the stream may only be a little late
        feed.repairs = min(feed.repairs + 1, 10)
        try:
            await self.repair(feed, cause, forked=forked)
        except (Unavailable, asyncpg.PostgresError) as error:
            log.warning("repair_failed", run_id=feed.run, reason=str(error))
        finally:
            self._repairs.pop(feed.run, None)

    async def verify(self, stop: asyncio.Event) -> None:
        """Duty: compare all feeds with Postgres now and then, with one query."""
        while not await stopped_within(stop, self._verify_s):
            try:
                await self.verify_once()
            except Unavailable as error:
                log.warning("verify_failed", reason=str(error))

    async def verify_once(self) -> None:
        open_runs = [run for run in self._feeds if run not in self._opening]
        for run in open_runs:
            if not self._feeds[run].watchers:
                self._drop(self._feeds[run])
        unsettled = [run for run, feed in self._feeds.items() if not feed.settled]
        if not unsettled:
            return
        async with self._db.connection() as c:
            heads = await run_heads(c, unsettled)
        for run, head in heads.items():
            if (feed := self._feeds.get(run)) is not None and run not in self._opening:
                self._verify(feed, head)

    def _verify(self, feed: Feed, head: RunHead) -> None:
        if head.seq < feed.recorded:
            return  # read before what was learned meanwhile
        if not feed.confirm(head.seq, head.last_commit):
            self._repair_soon(feed, "verified")
        elif head.seq == feed.seq:
            feed.ended = RunStatus(head.status).ended
        if feed.settled:
            self._unfollow(feed)
