"""The registry of workers."""

from __future__ import annotations

from dataclasses import replace

from minuet.bus.api import WorkerInfo
from minuet.model.node_type import NodeType

from .rig import SOON_MS, Bus, Rig, eventually


def worker(id: str = "w1", *, stale_after_ms: int = 60_000) -> WorkerInfo:
    types = [NodeType("http", "once", {"type": "object"}, timeout_ms=5), NodeType("python")]
    return WorkerInfo(id, "python", types, 8, "host", 42, 1_700, 3, stale_after_ms)


async def test_nobody_is_registered_at_first(bus: Bus) -> None:
    assert await bus.workers() == []


async def test_registered_workers_are_told_whole(bus: Bus) -> None:
    await bus.register(worker("w1"))
    await bus.register(worker("w2"))
    assert sorted(await bus.workers(), key=lambda w: w.id) == [worker("w1"), worker("w2")]


async def test_registering_again_renews_and_replaces(bus: Bus) -> None:
    await bus.register(worker())
    busy = replace(worker(), busy=7)
    await bus.register(busy)
    assert await bus.workers() == [busy]


async def test_unregistered_workers_are_gone(bus: Bus) -> None:
    await bus.register(worker("w1"))
    await bus.register(worker("w2"))
    await bus.unregister("w1")
    await bus.unregister("unknown")
    assert [w.id for w in await bus.workers()] == ["w2"]


async def test_a_silent_worker_is_forgotten(bus: Bus) -> None:
    await bus.register(worker("stays"))
    await bus.register(worker("goes", stale_after_ms=SOON_MS))

    async def one_left() -> bool:
        return [w.id for w in await bus.workers()] == ["stays"]

    assert await eventually(one_left)


async def test_a_forgotten_worker_may_come_back(bus: Bus) -> None:
    await bus.register(worker(stale_after_ms=1))

    async def empty() -> bool:
        return await bus.workers() == []

    await eventually(empty)
    await bus.register(worker())
    assert await bus.workers() == [worker()]


async def test_a_lost_server_knows_nobody(rig: Rig) -> None:
    await rig.bus.register(worker())
    await rig.lose()
    assert await rig.bus.workers() == []
