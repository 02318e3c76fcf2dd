"""What only the in-memory bus can do: virtual time, planned failures, going back."""

from __future__ import annotations

import asyncio
import threading

import pytest

from minuet.bus.api import Commit, Delivery, Fields, Lease, Page, WorkerInfo
from minuet.bus.memory import MemoryBus
from minuet.model.errors import BusUnavailable, Fenced, Overloaded

TOKEN = ("0-run/a/1/1", b"{}")
SIGNAL: Fields = [("k", b"start")]
HOUR_MS = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus(clock: Clock) -> MemoryBus:
    return MemoryBus(clock=clock)


async def own(bus: MemoryBus, lease_ms: int = 60_000) -> Lease:
    lease = await bus.acquire(0, "a", lease_ms)
    assert lease is not None
    return lease


async def take(bus: MemoryBus) -> list[Delivery]:
    return await bus.take({"http": [0]}, "w", count=9, block_ms=0)


# ── time ───────────────────────────────────────────────────────────────────────────────────────


async def test_lease_ends_with_the_virtual_clock(bus: MemoryBus, clock: Clock) -> None:
    await own(bus, lease_ms=100)
    clock.now += 99
    assert await bus.acquire(0, "b", 100) is None
    clock.now += 1
    assert await bus.acquire(0, "b", 100) is not None


async def test_cancelled_tokens_are_forgotten_after_an_hour(bus: MemoryBus, clock: Clock) -> None:
    await own(bus)
    await bus.commit(Commit(0, "a", 0, "0-0", cancelled=[TOKEN[0]]))
    clock.now += HOUR_MS - 1
    assert await bus.cancelled([TOKEN[0]]) == [True]
    clock.now += 1
    assert await bus.cancelled([TOKEN[0]]) == [False]


async def test_idle_time_starts_again_at_a_heartbeat(bus: MemoryBus, clock: Clock) -> None:
    await own(bus)
    await bus.commit(Commit(0, "a", 0, "0-0", pages=[Page("http", [TOKEN])]))
    (held,) = await take(bus)

    async def claim() -> int:
        return await bus.claim(
            0, "http", "c", min_idle_ms=100, limit=9, max_deliveries=5, lost=b"", cancelled=b"c"
        )

    clock.now += 99
    assert await claim() == 0
    await bus.heartbeat("w", [(0, "http", held.id)])
    clock.now += 99
    assert await claim() == 0
    clock.now += 1
    assert await claim() == 1


async def test_a_read_extends_the_life_of_a_blob(bus: MemoryBus, clock: Clock) -> None:
    await bus.cas_put("t", "d", b"x", ttl_s=10)
    for _ in range(5):
        clock.now += 9_999
        assert await bus.cas_get("t", "d", ttl_s=10) == b"x"
    clock.now += 10_000
    assert await bus.cas_get("t", "d", ttl_s=10) is None


async def test_a_worker_is_stale_by_the_virtual_clock(bus: MemoryBus, clock: Clock) -> None:
    await bus.register(WorkerInfo("w", "python", [], 1, "h", 1, 0, stale_after_ms=50))
    clock.now += 49
    assert len(await bus.workers()) == 1
    clock.now += 1
    assert await bus.workers() == []


async def test_ids_do_not_go_back_with_the_clock(bus: MemoryBus, clock: Clock) -> None:
    await bus.send(0, [SIGNAL])
    clock.now -= 500
    await bus.send(0, [SIGNAL])
    entries = await bus.read_signals({0: "0-0"}, count=9, block_ms=0)
    assert [e.id for e in entries] == ["1000-0", "1000-1"]


async def test_virtual_time_does_not_block(bus: MemoryBus) -> None:
    async with asyncio.timeout(5):
        assert await bus.read_signals({0: "0-0"}, count=9, block_ms=3_600_000) == []


async def test_an_injected_sleeper_moves_time(clock: Clock) -> None:
    buses: list[MemoryBus] = []

    async def sleep(changed: asyncio.Event, block_ms: int) -> None:
        clock.now += 100
        if clock.now == 1_300:
            await buses[0].send(0, [SIGNAL])
            await changed.wait()

    bus = MemoryBus(clock=clock, wait=sleep)
    buses.append(bus)
    for _ in range(2):
        assert await bus.read_signals({0: "0-0"}, count=9, block_ms=50) == []
    assert clock.now == 1_200
    assert len(await bus.read_signals({0: "0-0"}, count=9, block_ms=5_000)) == 1
    assert clock.now == 1_300


# ── failures ───────────────────────────────────────────────────────────────────────────────────


async def test_a_call_fails_before_its_effect(bus: MemoryBus) -> None:
    bus.fail_next("send")
    with pytest.raises(BusUnavailable):
        await bus.send(0, [SIGNAL])
    assert await bus.read_signals({0: "0-0"}, count=9, block_ms=0) == []
    assert await bus.send(0, [SIGNAL]) == 1


async def test_a_lost_reply_leaves_the_effect(bus: MemoryBus) -> None:
    await own(bus)
    bus.fail_next("commit", after_effect=True)
    with pytest.raises(BusUnavailable):
        await bus.commit(Commit(0, "a", 0, "0-0", signals=[SIGNAL]))
    assert len(await bus.read_signals({0: "0-0"}, count=9, block_ms=0)) == 1
    with pytest.raises(Fenced):
        await bus.commit(Commit(0, "a", 0, "0-0", signals=[SIGNAL]))


async def test_failures_queue_up_and_keep_to_their_method(bus: MemoryBus) -> None:
    bus.fail_next("send", Overloaded("full"))
    bus.fail_next("send")
    assert await bus.now() == 1_000
    with pytest.raises(Overloaded):
        await bus.send(0, [SIGNAL])
    with pytest.raises(BusUnavailable):
        await bus.send(0, [SIGNAL])
    assert await bus.send(0, [SIGNAL]) == 1


async def test_an_unknown_method_cannot_be_planned_to_fail(bus: MemoryBus) -> None:
    with pytest.raises(AttributeError):
        bus.fail_next("comit")


async def test_blocking_reads_fail_too(bus: MemoryBus) -> None:
    bus.fail_next("take")
    with pytest.raises(BusUnavailable):
        await take(bus)
    assert await take(bus) == []


# ── a server that went back ────────────────────────────────────────────────────────────────────


async def test_a_rewound_server_holds_an_older_commit(bus: MemoryBus) -> None:
    await own(bus)
    await bus.commit(Commit(0, "a", 0, "0-0", event=b"1"))
    old, server = bus.snapshot(), await bus.server_id()
    await bus.commit(Commit(0, "a", 1, "0-0", event=b"2", signals=[SIGNAL]))
    bus.rewind(old)
    assert await bus.server_id() != server
    assert await bus.renew(0, "a", 1_000) == 1
    assert await bus.read_signals({0: "0-0"}, count=9, block_ms=0) == []
    with pytest.raises(Fenced):
        await bus.commit(Commit(0, "a", 2, "0-0"))
    assert len(await bus.read_events({0: "0-0"}, count=9, block_ms=0)) == 1


async def test_a_snapshot_can_be_used_twice(bus: MemoryBus) -> None:
    old = bus.snapshot()
    for _ in range(2):
        await bus.send(0, [SIGNAL])
        assert len(await bus.read_signals({0: "0-0"}, count=9, block_ms=0)) == 1
        bus.rewind(old)
        assert await bus.read_signals({0: "0-0"}, count=9, block_ms=0) == []


async def test_flush_forgets_everything(bus: MemoryBus) -> None:
    await own(bus)
    await bus.publish_partitions(4)
    bus.flush()
    assert await bus.partitions() is None
    assert await bus.renew(0, "a", 1_000) is None


# ── concurrency ────────────────────────────────────────────────────────────────────────────────


async def test_another_thread_wakes_a_blocking_read() -> None:
    bus = MemoryBus()
    reading = asyncio.create_task(bus.read_signals({0: "0-0"}, count=9, block_ms=10_000))
    await bus.now()
    thread = threading.Thread(target=lambda: asyncio.run(bus.send(0, [SIGNAL])))
    thread.start()
    entries = await asyncio.wait_for(reading, 5)
    thread.join()
    assert [e.fields for e in entries] == [SIGNAL]


async def test_announcements_reach_every_listener() -> None:
    bus = MemoryBus()
    listeners = [bus.announcements() for _ in range(2)]
    hearing = [asyncio.create_task(anext(listener)) for listener in listeners]
    await bus.now()
    await bus.announce(b"recorded")
    assert await asyncio.gather(*hearing) == [b"recorded", b"recorded"]
    for listener in listeners:
        await listener.aclose()
