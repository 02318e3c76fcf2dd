"""What goes by itself once it was kept long enough, and what never does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from minuet.bus.redis import RedisBus
from minuet.services.orchestrator.retention import policy as module
from minuet.services.orchestrator.retention.cache import Cache
from minuet.services.orchestrator.retention.deleting import Deleter
from minuet.services.orchestrator.retention.policy import Policy
from minuet.settings import RetentionSettings
from minuet.store.database import Database

from .runs import TENANT, ids, insert_run

pytestmark = pytest.mark.anyio
OLD, YOUNG = timedelta(days=31), timedelta(days=29)


def policy(db: Database, bus: RedisBus, **days: float) -> Policy:
    return Policy(db, Deleter(db, bus, Cache(db, bus)), RetentionSettings(**days))


async def log(db: Database, run: str) -> None:
    await db.execute(
        "insert into node_logs (run_id, node, gen, attempt, time, level, message) "
        "values ($1, 'n', 1, 1, now(), 'info', 'hello')",
        run,
    )
    await db.execute("insert into node_started values ($1, 'n', 1, 1, now(), 'w')", run)


async def test_nothing_goes_unless_the_settings_say_so(db: Database, bus: RedisBus) -> None:
    run = await insert_run(db, ended=timedelta(days=10_000))
    await log(db, run)
    await policy(db, bus).sweep()
    assert await ids(db) == {run}
    assert await ids(db, "node_logs", "run_id") == {run}


async def test_runs_go_when_they_have_been_over_for_so_long(db: Database, bus: RedisBus) -> None:
    old = await insert_run(db, ended=OLD)
    child = await insert_run(db, ended=OLD, parent=old)
    kept = {await insert_run(db, ended=YOUNG), await insert_run(db)}
    await policy(db, bus, runs_days=30).sweep()
    assert await ids(db) == kept
    assert await ids(db, "deleted_runs") == {old, child}
    assert await ids(db, "deleted_runs", "deleted_by") == {"retention"}


async def test_a_family_stays_while_anybody_of_it_lives(db: Database, bus: RedisBus) -> None:
    parent = await insert_run(db, ended=OLD)
    child = await insert_run(db, ended=OLD, parent=parent)
    grandchild = await insert_run(db, parent=child)
    live_parent = await insert_run(db)
    old_child = await insert_run(db, ended=OLD, parent=live_parent)
    every = {parent, child, grandchild, live_parent, old_child}
    sweeper = policy(db, bus, runs_days=30)
    await sweeper.sweep()
    assert await ids(db) == every
    await db.execute("update runs set status = 6, ended_at = now() where id = $1", grandchild)
    await sweeper.sweep()
    assert await ids(db) == {live_parent, old_child}


async def test_a_run_stays_as_long_as_a_retry_of_it(db: Database, bus: RedisBus) -> None:
    first = await insert_run(db, ended=OLD)
    second = await insert_run(db, ended=OLD, retry_of=first)
    third = await insert_run(db, retry_of=second)
    sweeper = policy(db, bus, runs_days=30)
    await sweeper.sweep()
    assert await ids(db) == {first, second, third}
    await db.execute(
        "update runs set status = 6, ended_at = now() - interval '31 days' where id = $1", third
    )
    for left in ({first, second}, {first}, set()):
        await sweeper.sweep()
        assert await ids(db) == left


async def test_runs_go_batch_by_batch_past_those_that_stay(
    db: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(module, "RUNS_A_SWEEP", 4)
    stay = set()
    for i in range(20):
        run = await insert_run(db, ended=OLD + timedelta(hours=20 - i))
        if i % 4 == 0:
            stay |= {run, await insert_run(db, parent=run)}
    sweeper = policy(db, bus, runs_days=30)
    left = []
    for _ in range(5):
        await sweeper.sweep()
        left.append(len(await ids(db)) - len(stay))
    assert await ids(db) == stay
    assert left[0] > 0
    assert left == sorted(left, reverse=True)


async def test_what_was_told_beside_histories_goes_earlier_than_the_runs(
    db: Database, bus: RedisBus
) -> None:
    old, young, live = (
        await insert_run(db, ended=OLD), await insert_run(db, ended=YOUNG), await insert_run(db)
    )  # fmt: skip
    for run in (old, young, live):
        await log(db, run)
    await policy(db, bus, logs_days=30).sweep()
    assert await ids(db) == {old, young, live}
    for table in ("node_logs", "node_started"):
        assert await ids(db, table, "run_id") == {young, live}
    # Another process goes on where this one stopped; what ends later is found by it.
    later = await insert_run(db, ended=timedelta(days=30, hours=1))
    await log(db, later)
    await policy(db, bus, logs_days=30).sweep()
    assert await ids(db, "node_logs", "run_id") == {young, live}


async def test_dead_letters_go_once_they_are_settled_for_so_long(
    db: Database, bus: RedisBus
) -> None:
    for kind, days in (("old", 31), ("young", 29), ("open", None)):
        await db.execute(
            "insert into dead_letters (tenant, kind, data, created_at, settlement, settled_at, "
            "settled_by) values ($1, $2, '{}', now() - interval '99 days', "
            "case when $3::int is not null then 'discarded' end, "
            "now() - make_interval(days => $3), case when $3 is not null then 'me' end)",
            TENANT, kind, days,
        )  # fmt: skip
    await policy(db, bus, dead_letters_days=30).sweep()
    assert await ids(db, "dead_letters", "kind") == {"young", "open"}
