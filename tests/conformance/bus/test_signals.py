"""Sending and reading signals, the clock, and the number of partitions."""

from __future__ import annotations

import asyncio

import pytest

from minuet.bus.api import Fields

from .rig import Bus, own, signals


def numbered(count: int, start: int = 0) -> list[Fields]:
    return [[("k", b"command"), ("s", str(i).encode())] for i in range(start, start + count)]


async def test_now_never_goes_back(bus: Bus) -> None:
    first = await bus.now()
    assert first > 1_600_000_000_000
    assert await bus.now() >= first


async def test_signals_are_read_in_the_order_sent(bus: Bus) -> None:
    assert await bus.send(0, numbered(3)) == 3
    assert await bus.send(0, numbered(2, 3)) == 2
    entries = await signals(bus)
    assert [e.fields for e in entries] == numbered(5)
    assert {e.p for e in entries} == {0}
    ids = [tuple(map(int, e.id.split("-"))) for e in entries]
    assert ids == sorted(set(ids))


async def test_sending_nothing_appends_nothing(bus: Bus) -> None:
    assert await bus.send(0, []) == 0
    assert await signals(bus) == []


async def test_names_may_repeat_and_keep_their_order(bus: Bus) -> None:
    fields = [("k", b"done"), ("x", b"1"), ("x", b"2"), ("a", b""), ("x", b"1")]
    await bus.send(0, [fields])
    (entry,) = await signals(bus)
    assert entry.fields == fields


async def test_a_late_signal_is_refused(bus: Bus) -> None:
    now = await bus.now()
    assert await bus.send(0, numbered(2), not_after=now - 1) == 0
    assert await signals(bus) == []
    assert await bus.send(0, numbered(2), not_after=now + 60_000) == 2


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_count_bounds_each_partition(bus: Bus, count: int) -> None:
    await bus.send(0, numbered(3))
    await bus.send(1, numbered(3))
    entries = await bus.read_signals({0: "0-0", 1: "0-0"}, count=count, block_ms=0)
    for p in (0, 1):
        assert [e.fields for e in entries if e.p == p] == numbered(min(count, 3))


async def test_reading_goes_on_after_the_cursor(bus: Bus) -> None:
    await bus.send(0, numbered(4))
    first = await bus.read_signals({0: "0-0"}, count=2, block_ms=0)
    rest = await bus.read_signals({0: first[-1].id}, count=9, block_ms=0)
    assert [e.fields for e in first + rest] == numbered(4)
    assert await bus.read_signals({0: rest[-1].id}, count=9, block_ms=0) == []


async def test_reading_takes_nothing_away(bus: Bus) -> None:
    await bus.send(0, numbered(2))
    assert await signals(bus) == await signals(bus)


async def test_each_partition_has_its_own_cursor(bus: Bus) -> None:
    await bus.send(0, numbered(2))
    await bus.send(1, numbered(2))
    last = (await signals(bus, 0))[-1].id
    entries = await bus.read_signals({0: last, 1: "0-0"}, count=9, block_ms=0)
    assert [e.p for e in entries] == [1, 1]


async def test_a_cursor_between_entries_is_good(bus: Bus) -> None:
    await bus.send(0, numbered(1))
    (entry,) = await signals(bus)
    ms, n = entry.id.split("-")
    assert await signals(bus, cursor=f"{int(ms) - 1}-{n}") == [entry]
    assert await signals(bus, cursor=f"{int(ms) + 1}-0") == []


async def test_a_blocking_read_wakes_for_a_signal(bus: Bus) -> None:
    cursors = {0: "0-0", 1: "0-0"}
    reading = asyncio.create_task(bus.read_signals(cursors, count=9, block_ms=10_000))
    await bus.now()
    assert not reading.done()
    await bus.send(1, numbered(1))
    (entry,) = await asyncio.wait_for(reading, 5)
    assert (entry.p, entry.fields) == (1, numbered(1)[0])


async def test_a_blocking_read_wakes_for_a_signal_of_a_commit(bus: Bus) -> None:
    writer = await own(bus)
    reading = asyncio.create_task(bus.read_signals({0: "0-0"}, count=9, block_ms=10_000))
    await bus.now()
    await writer.commit(signals=numbered(1))
    (entry,) = await asyncio.wait_for(reading, 5)
    assert entry.fields == numbered(1)[0]


async def test_a_blocking_read_gives_up_in_time(bus: Bus) -> None:
    async with asyncio.timeout(5):
        assert await bus.read_signals({0: "0-0"}, count=9, block_ms=10) == []


async def test_a_blocking_read_holds_nobody_up(bus: Bus) -> None:
    reading = asyncio.create_task(bus.read_signals({0: "0-0"}, count=9, block_ms=60_000))
    async with asyncio.timeout(5):
        for _ in range(20):
            await bus.now()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await bus.send(0, numbered(1)) == 1
    assert len(await signals(bus)) == 1


async def test_no_number_of_partitions_is_published_at_first(bus: Bus) -> None:
    assert await bus.partitions() is None


async def test_partitions_grow_and_never_shrink(bus: Bus) -> None:
    await bus.publish_partitions(8)
    assert await bus.partitions() == 8
    await bus.publish_partitions(4)
    assert await bus.partitions() == 8
    await bus.publish_partitions(16)
    assert await bus.partitions() == 16
