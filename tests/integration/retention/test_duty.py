"""The duty: one process at a time, every part in its turn, whatever another part meets."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.model.errors import BusUnavailable
from minuet.services.orchestrator.retention import duty
from minuet.services.orchestrator.retention.cache import Cache
from minuet.services.orchestrator.retention.deleting import Deleter
from minuet.services.orchestrator.retention.duty import Retention
from minuet.services.orchestrator.retention.renewal import Renewal
from minuet.settings import RetentionSettings
from minuet.store.blobs import Blobs
from minuet.store.database import Database

pytestmark = pytest.mark.anyio
PARTS = ["deleted", "policy", "leftovers", "values", "cache", "blobs"]


def retention(db: Database, bus: RedisBus) -> Retention:
    cache = Cache(db, bus)
    renewal = Renewal(db, bus, DurableCas(Cas(bus, Blobs(db))))
    return Retention(db, bus, cache, renewal, Deleter(db, bus, cache), RetentionSettings())


async def test_one_process_sweeps_at_a_time(db: Database, bus: RedisBus) -> None:
    first, second = retention(db, bus), retention(db, bus)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await leave.wait()

    first._parts = {"held": hold}
    holding = asyncio.create_task(first.sweep())
    await entered.wait()
    assert await second.sweep() is False
    leave.set()
    assert await holding is True
    assert await second.sweep() is True


async def test_a_lock_that_cannot_be_given_back_goes_with_its_connection(
    db: Database, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = retention(db, bus), retention(db, bus)
    first._parts = second._parts = {}
    with monkeypatch.context() as broken:
        broken.setattr(duty, "UNLOCK", "select $1::bigint / 0")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await first.sweep()
    async with asyncio.timeout(10):
        while not await second.sweep():
            await asyncio.sleep(0.01)


async def test_a_part_that_fails_is_counted_and_keeps_no_other_back(
    db: Database, bus: RedisBus
) -> None:
    made = retention(db, bus)
    assert list(made._parts) == PARTS
    swept: list[str] = []

    def noting(name: str) -> Any:
        async def part() -> None:
            swept.append(name)
            if name == "leftovers":
                raise BusUnavailable("away")
            if name == "cache":
                await db.execute("select 1 / 0")

        return part

    made._parts = {name: noting(name) for name in PARTS}
    before = {name: failures(name) for name in PARTS}
    assert await made.sweep() is True
    assert swept == PARTS
    failed = {name for name in PARTS if failures(name) > before[name]}
    assert failed == {"leftovers", "cache"}
    assert await made.sweep() is True, "the lock is free again"


def failures(part: str) -> float:
    found = REGISTRY.get_sample_value("minuet_retention_failures_total", {"part": part})
    return found or 0.0


async def test_a_whole_sweep_does_nothing_to_an_empty_suite(db: Database, bus: RedisBus) -> None:
    assert await retention(db, bus).sweep() is True
    assert await db.fetchval("select count(*) from deleted_runs") == 0
