"""Claim: what a dead worker held comes back, counted, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from minuet.bus.api import Done

from .rig import (
    LONG_MS,
    SOON_MS,
    TYPE,
    Bus,
    Writer,
    done_tokens,
    eventually,
    own,
    signals,
    take,
    take_one,
    token,
    tokens,
)

LOST = b'{"port":"error"}'
CANCELLED = b'{"port":"error","v":1}'


async def claim(
    bus: Bus, *, idle_ms: int = 0, limit: int = 100, deliveries: int = 5, type: str = TYPE
) -> int:
    return await bus.claim(
        0,
        type,
        "claimer",
        min_idle_ms=idle_ms,
        limit=limit,
        max_deliveries=deliveries,
        lost=LOST,
        cancelled=CANCELLED,
    )


@pytest.fixture
async def writer(bus: Bus) -> Writer:
    return await own(bus)


async def test_nothing_to_claim(bus: Bus, writer: Writer) -> None:
    assert await claim(bus) == 0
    await writer.commit(pages=[[token()]])
    assert await claim(bus) == 0
    await take(bus)
    assert await claim(bus, type="python") == 0


async def test_a_claimed_page_comes_back_token_by_token(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(3)])
    old = await take_one(bus)
    assert await claim(bus) == 1
    found = await take(bus, "w2")
    assert [d.tokens for d in found] == [[t] for t in tokens(3)]
    assert [d.deliveries for d in found] == [2, 2, 2]
    assert await bus.complete([Done(0, TYPE, old.id, [(tokens(3)[0][0], b"late")])]) == [False]
    assert await bus.heartbeat("w1", [(0, TYPE, old.id)]) == [False]
    assert await signals(bus) == []


async def test_an_entry_that_is_not_idle_stays(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    assert await claim(bus, idle_ms=LONG_MS) == 0
    assert await bus.heartbeat("w1", [(0, TYPE, delivery.id)]) == [True]


async def test_an_idle_entry_is_claimed_once(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    await take(bus)
    assert await eventually(lambda: claim(bus, idle_ms=SOON_MS)) == 1
    assert await claim(bus) == 0
    assert len(await take(bus)) == 1


async def test_a_heartbeat_renews(bus: Bus, writer: Writer) -> None:
    """Of two entries taken together only the silent one is claimed."""
    await writer.commit(pages=[[token("beats")], [token("silent")]])
    beats, _ = await take(bus)
    async with asyncio.timeout(10):
        claimed = 0
        while not claimed:
            assert await bus.heartbeat("w1", [(0, TYPE, beats.id)]) == [True]
            claimed = await claim(bus, idle_ms=500)
            await asyncio.sleep(0.005)
    assert claimed == 1
    assert [d.tokens for d in await take(bus, "w2")] == [[token("silent")]]


async def test_limit_bounds_entries_not_tokens(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(3) for _ in range(4)])
    await take(bus)
    assert await claim(bus, limit=3) == 3
    assert len(await take(bus, "w2")) == 9
    assert await bus.backlog(0) == {TYPE: 10}


async def test_of_racing_claims_each_entry_goes_to_one(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(2) for _ in range(5)])
    await take(bus)
    counts = await asyncio.gather(*(claim(bus, idle_ms=1, limit=2) for _ in range(4)))
    rest = await eventually(lambda: _backlog_is(bus, 10, idle_ms=1))
    assert sum(counts) <= 5
    assert rest
    assert len(await take(bus, "w2")) == 10


async def _backlog_is(bus: Bus, count: int, *, idle_ms: int) -> bool:
    await claim(bus, idle_ms=idle_ms)
    return await bus.backlog(0) == {TYPE: count}


async def test_deliveries_are_counted_and_end_with_lost(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    seen = []
    for _ in range(3):
        seen.append((await take_one(bus)).deliveries)
        assert await done_tokens(bus) == []
        assert await claim(bus, deliveries=3) == 1
    assert seen == [1, 2, 3]
    assert await take(bus) == []
    assert await done_tokens(bus) == [(token()[0], LOST)]
    assert await bus.backlog(0) in ({}, {TYPE: 0})


async def test_all_lost_tokens_of_a_call_are_one_signal(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(2), [token("x")]])
    await take(bus)
    assert await claim(bus, deliveries=1) == 2
    (entry,) = await signals(bus)
    names = [*(name for name, _ in tokens(2)), token("x")[0]]
    assert entry.fields == [("k", b"done"), *((name, LOST) for name in names)]


async def test_surrender_keeps_the_count_of_a_claimed_token(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    await take(bus)
    await claim(bus)
    second = await take_one(bus)
    assert second.deliveries == 2
    await bus.surrender(second, "w1")
    assert (await take_one(bus)).deliveries == 2


async def test_after_a_split_only_the_token_in_hand_is_claimed(bus: Bus, writer: Writer) -> None:
    page = tokens(4)
    await writer.commit(pages=[page])
    delivery = await take_one(bus)
    await bus.split(delivery, "w1", [(page[0][0], b"{}")], page[1][0], page[2:])
    assert await claim(bus) == 1
    found = {d.tokens[0][0]: d for d in await take(bus, "w2")}
    assert found[page[1][0]].tokens == [page[1]]
    assert found[page[1][0]].deliveries == 2
    assert found[page[2][0]].tokens == page[2:]
    assert found[page[2][0]].deliveries == 1
    assert len(found) == 2


async def test_after_a_split_only_the_token_in_hand_is_lost(bus: Bus, writer: Writer) -> None:
    page = tokens(3)
    await writer.commit(pages=[page])
    delivery = await take_one(bus)
    await bus.split(delivery, "w1", [(page[0][0], b"{}")], page[1][0], page[2:])
    assert await claim(bus, deliveries=1) == 1
    assert await done_tokens(bus) == [(page[0][0], b"{}"), (page[1][0], LOST)]


async def test_a_split_of_a_claimed_token_keeps_its_count(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    await take(bus)
    await claim(bus)
    second = await take_one(bus)
    await bus.split(second, "w1", [], token()[0], [])
    await claim(bus)
    assert (await take_one(bus)).deliveries == 3


async def test_cancelled_tokens_end_as_cancelled(bus: Bus, writer: Writer) -> None:
    page = tokens(3)
    await writer.commit(pages=[page])
    await take(bus)
    await writer.commit(cancelled=[page[1][0]])
    assert await claim(bus) == 1
    assert [d.tokens for d in await take(bus)] == [[page[0]], [page[2]]]
    assert await done_tokens(bus) == [(page[1][0], CANCELLED)]


async def test_cancelled_tokens_are_not_lost_either(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    await take(bus)
    await writer.commit(cancelled=[token()[0]])
    assert await claim(bus, deliveries=1) == 1
    assert await done_tokens(bus) == [(token()[0], CANCELLED)]


async def test_cancels_tells_of_partitions_with_cancelled_tokens(bus: Bus, writer: Writer) -> None:
    await own(bus, 1)
    assert await bus.cancels([0, 1]) == [False, False]
    await writer.commit(cancelled=[token("a")[0]])
    assert await bus.cancels([1, 0]) == [False, True]


async def test_cancelled_tells_each_token_in_order(bus: Bus, writer: Writer) -> None:
    other = await own(bus, 1)
    await writer.commit(cancelled=[token("a")[0]])
    await other.commit(cancelled=[token("b", 1)[0]])
    asked = [token("b", 1)[0], token("c")[0], token("a")[0], token("b")[0]]
    assert await bus.cancelled(asked) == [True, False, True, False]
    assert await bus.cancelled([]) == []
