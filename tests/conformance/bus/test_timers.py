"""Timers: never early, in order, at most so many a call."""

from __future__ import annotations

from .rig import Bus, own, signals

FAR = 10**13


async def fired(bus: Bus) -> list[list[tuple[str, bytes]]]:
    """Members and instants of each `timer` signal, in order."""
    entries = await signals(bus)
    assert all(e.fields[0] == ("k", b"timer") for e in entries)
    return [e.fields[1:] for e in entries]


async def test_no_timers(bus: Bus) -> None:
    assert await bus.fire_timers(0) is None
    assert await signals(bus) == []


async def test_never_early(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait a", 5_000)])
    assert await bus.fire_timers(0, now=4_999) == 5_000
    assert await fired(bus) == []
    assert await bus.fire_timers(0, now=5_000) is None
    assert await fired(bus) == [[("wait a", b"5000")]]


async def test_the_server_clock_decides_by_default(bus: Bus) -> None:
    writer = await own(bus)
    now = await bus.now()
    await writer.commit(timers_add=[("wait far", now + 60_000), ("wait due", now)])
    assert await bus.fire_timers(0) == now + 60_000
    assert await fired(bus) == [[("wait due", str(now).encode())]]


async def test_order_is_by_instant_then_member(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait b", 2), ("wait c", 1), ("wait a", 2), ("wait z", 2)])
    assert await bus.fire_timers(0, now=2) is None
    (entry,) = await fired(bus)
    assert entry == [("wait c", b"1"), ("wait a", b"2"), ("wait b", b"2"), ("wait z", b"2")]


async def test_five_hundred_a_call(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[(f"wait {i:04}", i + 1) for i in range(1_200)])
    assert await bus.fire_timers(0, now=FAR) == 501
    assert await bus.fire_timers(0, now=FAR) == 1_001
    assert await bus.fire_timers(0, now=FAR) is None
    entries = await fired(bus)
    assert [len(e) for e in entries] == [500, 500, 200]
    assert [name for e in entries for name, _ in e] == [f"wait {i:04}" for i in range(1_200)]


async def test_limit_and_next_instant(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait a", 1), ("wait b", 2), ("wait c", 300)])
    assert await bus.fire_timers(0, limit=1, now=10) == 2
    assert await bus.fire_timers(0, limit=1, now=10) == 300
    assert await bus.fire_timers(0, limit=1, now=10) == 300
    assert [e[0][0] for e in await fired(bus)] == ["wait a", "wait b"]


async def test_a_timer_fires_once(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait a", 1)])
    await bus.fire_timers(0)
    await bus.fire_timers(0)
    assert len(await fired(bus)) == 1


async def test_deleted_timers_do_not_fire(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait a", 1), ("wait b", 1)])
    await writer.commit(timers_del=["wait a", "wait unknown"])
    await bus.fire_timers(0)
    assert await fired(bus) == [[("wait b", b"1")]]


async def test_adding_again_moves(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait a", 1)])
    await writer.commit(timers_add=[("wait a", 9)])
    assert await bus.fire_timers(0, now=8) == 9


async def test_added_and_deleted_at_once_stands(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(timers_add=[("wait a", 5)], timers_del=["wait a"])
    assert await bus.fire_timers(0, now=4) == 5


async def test_partitions_fire_apart(bus: Bus) -> None:
    await (await own(bus, 0)).commit(timers_add=[("wait a", 1)])
    await (await own(bus, 1)).commit(timers_add=[("wait b", 1)])
    await bus.fire_timers(1)
    assert await signals(bus, 0) == []
    assert len(await signals(bus, 1)) == 1


async def test_timers_of_a_run_are_dropped_but_for_the_one_that_unlinks_it(bus: Bus) -> None:
    writer = await own(bus)
    gone = ["wait 0-a/n/1/1", "retry 0-a/m/2/1", "deadline 0-a", "stop 0-a"]
    kept = ["forget 0-a", "wait 0-ab/n/1/1", "deadline 0-b", "no-timer"]
    many = [f"wait 0-c/n{i}/1/1" for i in range(1_500)]
    await writer.commit(timers_add=[(member, 5_000) for member in [*gone, *kept, *many]])
    assert await bus.drop_timers(0, {"0-a", "0-nothing"}) == len(gone)
    assert await bus.drop_timers(0, {"0-a"}) == await bus.drop_timers(1, {"0-a"}) == 0
    assert await bus.drop_timers(0, {"0-c"}) == len(many)
    await bus.fire_timers(0, now=5_000)
    [told] = await fired(bus)
    assert sorted(member for member, _ in told) == sorted(kept)
