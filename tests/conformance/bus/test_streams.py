"""What recorder and fanout read: events, live events, announcements."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from minuet.model.event import LiveEvent

from .rig import Bus, Rig, Writer, dead_letters, eventually, own


def live(i: int) -> LiveEvent:
    return LiveEvent("node.log", "0-run", "t", "a", 1, 1, i, {"message": "ü"})


@pytest.fixture
async def writer(bus: Bus) -> Writer:
    return await own(bus)


async def test_each_commit_with_an_event_adds_one_entry(bus: Bus, writer: Writer) -> None:
    for event in (b"1", None, b"2"):
        await writer.commit(event=event)
    entries = await bus.read_events({0: "0-0"}, count=9, block_ms=0)
    assert [e.fields for e in entries] == [[("e", b"1")], [("e", b"2")]]
    rest = await bus.read_events({0: entries[0].id}, count=9, block_ms=0)
    assert rest == entries[1:]


async def test_count_bounds_events_of_each_partition(bus: Bus, writer: Writer) -> None:
    other = await own(bus, 1)
    for _ in range(3):
        await writer.commit(event=b"a")
        await other.commit(event=b"b")
    entries = await bus.read_events({0: "0-0", 1: "0-0"}, count=2, block_ms=0)
    assert sorted(e.p for e in entries) == [0, 0, 1, 1]


async def test_exactly_the_named_events_are_deleted(bus: Bus, writer: Writer) -> None:
    other = await own(bus, 1)
    for i in range(4):
        await writer.commit(event=str(i).encode())
    await other.commit(event=b"other")
    entries = await bus.read_events({0: "0-0"}, count=9, block_ms=0)
    await bus.delete_events({0: [entries[0].id, entries[2].id, "1-1"], 1: []})
    left = await bus.read_events({0: "0-0", 1: "0-0"}, count=9, block_ms=0)
    assert {(e.p, e.fields[0][1]) for e in left} == {(0, b"1"), (0, b"3"), (1, b"other")}
    await bus.delete_events({0: [entries[0].id]})
    await bus.delete_events({})
    assert len(await bus.read_events({0: "0-0"}, count=9, block_ms=0)) == 2


async def test_new_events_follow_after_all_were_deleted(bus: Bus, writer: Writer) -> None:
    await writer.commit(event=b"1")
    (first,) = await bus.read_events({0: "0-0"}, count=9, block_ms=0)
    await bus.delete_events({0: [first.id]})
    await writer.commit(event=b"2")
    (second,) = await bus.read_events({0: first.id}, count=9, block_ms=0)
    assert second.fields == [("e", b"2")]


async def test_a_blocking_read_wakes_for_an_event(bus: Bus, writer: Writer) -> None:
    reading = asyncio.create_task(bus.read_events({0: "0-0"}, count=9, block_ms=10_000))
    await bus.now()
    await writer.commit(event=b"1")
    (entry,) = await asyncio.wait_for(reading, 5)
    assert entry.fields == [("e", b"1")]


async def test_live_events_arrive_in_order(bus: Bus) -> None:
    await bus.emit_live(0, [live(0), live(1)])
    await bus.emit_live(0, [])
    await bus.emit_live(0, [live(2)])
    entries = await bus.read_live({0: "0-0", 1: "0-0"}, count=9, block_ms=0)
    assert [e.fields[0][0] for e in entries] == ["l", "l", "l"]
    assert [msgspec.json.decode(e.fields[0][1], type=LiveEvent) for e in entries] == [
        live(0), live(1), live(2),
    ]  # fmt: skip


async def test_a_blocking_read_wakes_for_a_live_event(bus: Bus) -> None:
    reading = asyncio.create_task(bus.read_live({0: "0-0"}, count=9, block_ms=10_000))
    await bus.now()
    await bus.emit_live(0, [live(1)])
    assert len(await asyncio.wait_for(reading, 5)) == 1


async def test_live_is_trimmed_to_its_newest(bus: Bus) -> None:
    for start in range(0, 12_000, 1_000):
        await bus.emit_live(0, [live(i) for i in range(start, start + 1_000)])
    entries = await bus.read_live({0: "0-0"}, count=20_000, block_ms=0)
    assert 10_000 <= len(entries) < 10_500
    times = [msgspec.json.decode(e.fields[0][1], type=LiveEvent).time for e in entries]
    assert times == list(range(12_000 - len(entries), 12_000))


async def test_an_announcement_without_listeners_is_lost_quietly(bus: Bus) -> None:
    await bus.announce(b"nobody hears this")


async def test_announcements_reach_every_listener(bus: Bus) -> None:
    listeners = [bus.announcements() for _ in range(2)]
    hearing = [asyncio.create_task(anext(listener)) for listener in listeners]

    async def all_heard() -> bool:
        await bus.announce(b"recorded")
        return all(task.done() for task in hearing)

    await eventually(all_heard)
    assert [task.result() for task in hearing] == [b"recorded", b"recorded"]
    for listener in listeners:
        await listener.aclose()


async def test_exactly_the_named_dead_letters_are_deleted(bus: Bus, writer: Writer) -> None:
    await writer.commit(dead_letters=[[("k", str(i).encode())] for i in range(3)])
    entries = await bus.read_dead({0: "0-0"}, count=9, block_ms=0)
    assert await bus.read_dead({0: entries[0].id}, count=1, block_ms=0) == [entries[1]]
    await bus.delete_dead({0: [entries[1].id, "1-1"], 1: []})
    assert await dead_letters(bus) == [[("k", b"0")], [("k", b"2")]]


async def test_the_server_keeps_its_id_while_it_runs(rig: Rig) -> None:
    first = await rig.bus.server_id()
    assert first
    await rig.bus.send(0, [[("k", b"x")]])
    assert await rig.bus.server_id() == first
