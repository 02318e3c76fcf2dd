"""What runs leave on Redis although they are over goes at the second sweep that finds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from minuet.bus.api import Commit, Page, RunWrite
from minuet.bus.keys import Keys
from minuet.bus.redis import RedisBus
from minuet.model.state import Head
from minuet.model.status import RunStatus
from minuet.services.orchestrator.retention import leftovers as module
from minuet.services.orchestrator.retention.cache import Cache
from minuet.services.orchestrator.retention.leftovers import Leftovers
from minuet.store.database import Database
from minuet.store.uses import Use, note_uses

from .runs import TENANT, insert_run, some_run

pytestmark = pytest.mark.anyio
LONG_AGO = timedelta(hours=1)
P = 3


class Owner:
    """Commits of one partition, as a coordinator makes them."""

    def __init__(self, bus: RedisBus) -> None:
        self.bus = bus
        self.number: int | None = None

    async def commit(self, **parts: Any) -> None:
        if self.number is None:
            lease = await self.bus.acquire(P, "owner", 600_000)
            assert lease is not None
            self.number = lease.commit
        commit = Commit(p=P, owner="owner", number=self.number, cursor="0-0", **parts)
        await self.bus.commit(commit)
        self.number += 1

    async def hold(self, run: str, status: RunStatus = RunStatus.RUNNING) -> None:
        head = Head(seq=3, last="owner/1", cmd=0, status=status, counter=1).encode()
        await self.commit(runs=[RunWrite(run, {"head": head, "meta": b"{}"}, {"a": b"1"})])


@pytest.fixture
def owner(bus: RedisBus) -> Owner:
    return Owner(bus)


@pytest.fixture
def sweeper(db: Database, bus: RedisBus) -> Leftovers:
    return Leftovers(db, bus)


async def archived(bus: RedisBus) -> list[str]:
    found = await bus.read_signals(dict.fromkeys(range(8), "0-0"), count=999, block_ms=0)
    fields = [dict(each.fields) for each in found]
    return [msgspec.json.decode(f["s"])["run"] for f in fields if f["k"] == b"archived"]


async def test_a_run_that_is_over_for_postgres_is_forgotten(
    db: Database, bus: RedisBus, owner: Owner, sweeper: Leftovers
) -> None:
    """However Redis shows it: ended, or brought back to when it lived."""
    ended = await insert_run(db, ended=LONG_AGO, p=P)
    revived = await insert_run(db, ended=LONG_AGO, p=P)
    deleted, live = some_run(P), await insert_run(db, p=P)
    await db.execute(
        "insert into deleted_runs (id, tenant, partition, deleted_by) values ($1, 't', $2, 'me')",
        deleted, P,
    )  # fmt: skip
    await owner.hold(ended, RunStatus.SUCCEEDED)
    for run in (revived, deleted, live):
        await owner.hold(run)
    await sweeper.sweep()
    assert await archived(bus) == [], "the recorder may be telling it just now"
    await sweeper.sweep()
    assert sorted(await archived(bus)) == sorted([ended, revived, deleted])


async def test_what_was_purged_waits_for_its_timer_in_peace(
    db: Database, bus: RedisBus, owner: Owner, sweeper: Leftovers
) -> None:
    run = await insert_run(db, ended=LONG_AGO, p=P)
    await owner.hold(run, RunStatus.SUCCEEDED)
    await owner.commit(runs=[RunWrite(run, {}, purge=True)])
    for _ in range(3):
        await sweeper.sweep()
    assert await archived(bus) == []
    assert await bus.heads(P, [run]) != [None]


async def test_a_run_that_ended_just_now_is_left_to_the_recorder(
    db: Database, bus: RedisBus, owner: Owner, sweeper: Leftovers
) -> None:
    run = await insert_run(db, ended=timedelta(seconds=1), p=P)
    await owner.hold(run, RunStatus.SUCCEEDED)
    for _ in range(3):
        await sweeper.sweep()
    assert await archived(bus) == []


async def test_a_run_that_nobody_knows_goes_once_nothing_of_it_waits_to_be_recorded(
    bus: RedisBus, owner: Owner, sweeper: Leftovers
) -> None:
    ended, live = some_run(P), some_run(P)
    await owner.commit(event=b"{}")
    await owner.hold(ended, RunStatus.FAILED)
    await owner.hold(live)
    for _ in range(3):
        await sweeper.sweep()
    assert await archived(bus) == [], "its first transition may wait in the stream"
    entries = await bus.read_events({P: "0-0"}, count=9, block_ms=0)
    await bus.delete_events({P: [each.id for each in entries]})
    for _ in range(2):
        await sweeper.sweep()
    assert await archived(bus) == [ended], "one that lives may be a child run that is not known yet"


async def test_tokens_that_were_cancelled_with_their_run_leave_the_line(
    db: Database, bus: RedisBus, owner: Owner, sweeper: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker of their type ever comes."""
    monkeypatch.setattr(module, "CANCELLED_FOR_MS", -1_000)
    over = await insert_run(db, ended=LONG_AGO, p=P)
    live = await insert_run(db, p=P)
    tokens = [(f"{run}/{node}/1/1", b"{}") for run in (over, live) for node in "ab"]
    await owner.commit(pages=[Page("ghost", tokens)])
    await owner.commit(cancelled=[f"{over}/a/1/1", f"{over}/b/1/1", f"{live}/a/1/1"])
    await sweeper.sweep()
    left = await bus.task_tokens(P, "ghost", limit=9)
    assert left == {f"{live}/a/1/1", f"{live}/b/1/1"}
    assert await bus.cancelled([f"{over}/a/1/1", f"{live}/a/1/1"]) == [False, True]


async def test_workers_that_went_away_are_forgotten_unless_they_hold_something(
    bus: RedisBus,
    owner: Owner,
    sweeper: Leftovers,
    monkeypatch: pytest.MonkeyPatch,
    key_prefix: str,
) -> None:
    monkeypatch.setattr(module, "CONSUMER_IDLE_MS", 0)
    await owner.commit(pages=[Page("x", [(f"{some_run(P)}/a/1/1", b"{}")])])
    assert len(await bus.take({"x": [P]}, "holder", count=1, block_ms=0)) == 1
    await bus.take({"x": [P]}, "gone", count=1, block_ms=0)
    await sweeper.sweep()
    stream = Keys(key_prefix).tasks(P, "x")
    consumers = await bus.ask(b"XINFO", b"CONSUMERS", stream, b"workers")
    assert [each[1] for each in consumers] == [b"holder"]


async def test_what_was_told_live_goes_when_it_is_stored_and_a_while_old(
    db: Database, bus: RedisBus, sweeper: Leftovers, monkeypatch: pytest.MonkeyPatch,
    key_prefix: str,
) -> None:  # fmt: skip
    stream = Keys(key_prefix).live(P)
    ids = [(await bus.ask(b"XADD", stream, b"*", b"l", b"{}")).decode() for _ in range(3)]
    await sweeper.sweep()
    assert await bus.ask(b"XLEN", stream) == 3, "nobody has read any of it"
    await db.execute("insert into live_cursors values ($1, $2)", P, ids[1])
    await sweeper.sweep()
    assert await bus.ask(b"XLEN", stream) == 3, "who watches reads it too"
    monkeypatch.setattr(module, "LIVE_FOR_MS", -10_000)
    await sweeper.sweep()
    assert await bus.ask(b"XLEN", stream) == 1


async def test_blobs_of_ended_runs_leave_the_cache_early(
    db: Database, bus: RedisBus, key_prefix: str
) -> None:
    ended, live = (
        await insert_run(db, ended=LONG_AGO / 2, ir="sent along"), await insert_run(db)
    )  # fmt: skip
    names = {"alone": [ended], "shared": [ended, live], "live": [live], "nobody's": []}
    for name, runs in names.items():
        await bus.cas_put(TENANT, name, b"x", ttl_s=86_400)
        async with db.connection() as c:
            if runs:
                await note_uses(c, [Use(TENANT, name, run) for run in runs])
    cache = Cache(db, bus)
    assert await cache.sweep() == 2, "and the document that came with the start"
    left = {name: await bus.ask(b"TTL", Keys(key_prefix).cas(TENANT, name)) for name in names}
    assert left["alone"] <= 60
    assert min(left["shared"], left["live"], left["nobody's"]) > 80_000
    await bus.cas_get(TENANT, "alone", ttl_s=86_400)
    assert await cache.sweep() == 0, "each run is looked at once"
