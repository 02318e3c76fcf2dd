"""Take, complete, split, surrender, heartbeat: pages in the hands of workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest

from minuet.bus.api import Delivery, Done

from .rig import (
    TYPE,
    Bus,
    Rig,
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

OUT = b'{"v":1}'


def done(delivery: Delivery, value: bytes = OUT) -> Done:
    results = [(name, value) for name, _ in delivery.tokens]
    return Done(delivery.p, delivery.type, delivery.id, results)


@pytest.fixture
async def writer(bus: Bus) -> Writer:
    return await own(bus)


# ── take ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_page_arrives_whole_and_in_order(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(5)])
    (delivery,) = await take(bus)
    assert (delivery.p, delivery.type, delivery.deliveries) == (0, TYPE, 1)
    assert delivery.tokens == tokens(5)


async def test_pages_that_came_before_the_first_worker_are_delivered(
    bus: Bus, writer: Writer
) -> None:
    await writer.commit(pages=[[token("a")], [token("b")]])
    assert [d.tokens for d in await take(bus)] == [[token("a")], [token("b")]]


async def test_a_page_goes_to_one_consumer_once(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[t] for t in tokens(20)])
    found = await asyncio.gather(*(take(bus, f"w{i}", count=3) for i in range(9)))
    names = Counter(name for ds in found for d in ds for name, _ in d.tokens)
    assert names == Counter(name for name, _ in tokens(20))


async def test_count_is_a_stream_and_nothing_is_skipped(bus: Bus, writer: Writer) -> None:
    second = await own(bus, 1)
    await writer.commit(pages=[[t] for t in tokens(5)])
    await second.commit(pages=[[t] for t in tokens(5, 1)])
    seen: list[tuple[int, str]] = []
    for _ in range(3):
        found = await bus.take({TYPE: [0, 1]}, "w1", count=2, block_ms=0)
        assert max(Counter(d.p for d in found).values()) <= 2
        seen += [(d.p, d.tokens[0][0]) for d in found]
    for p in (0, 1):
        assert [name for q, name in seen if q == p] == [name for name, _ in tokens(5, p)]


async def test_types_are_apart(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    assert await bus.take({"python": [0]}, "w1", count=9, block_ms=0) == []
    found = await bus.take({"python": [0], TYPE: [0]}, "w1", count=9, block_ms=0)
    assert [d.type for d in found] == [TYPE]


async def test_taking_nothing(bus: Bus) -> None:
    assert await take(bus) == []
    assert await take(bus) == []


async def test_a_blocking_take_wakes_for_a_page(bus: Bus, writer: Writer) -> None:
    taking = asyncio.create_task(bus.take({TYPE: [0, 1]}, "w1", count=1, block_ms=10_000))
    await bus.now()
    await writer.commit(pages=[[token()]])
    (delivery,) = await asyncio.wait_for(taking, 5)
    assert delivery.tokens == [token()]


async def test_a_cancelled_take_keeps_nothing(bus: Bus, writer: Writer) -> None:
    """Wherever the cancellation hits: pages are delivered, or still there for another."""
    await writer.commit(pages=[[t] for t in tokens(8)])
    got: list[str] = []
    for turns in range(8):
        taking = asyncio.create_task(bus.take({TYPE: [0]}, "w1", count=1, block_ms=10_000))
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            got += [d.tokens[0][0] for d in await taking]

    async def all_there() -> bool:
        got.extend(d.tokens[0][0] for d in await take(bus, "w2"))
        return len(got) == 8

    assert await eventually(all_there)
    assert sorted(got) == sorted(name for name, _ in tokens(8))


# ── complete ───────────────────────────────────────────────────────────────────────────────────


async def test_complete_turns_results_into_a_signal(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(2)])
    delivery = await take_one(bus)
    assert await bus.complete([done(delivery)]) == [True]
    (entry,) = await signals(bus)
    assert entry.fields == [("k", b"done"), *((name, OUT) for name, _ in tokens(2))]
    assert await bus.backlog(0) in ({}, {TYPE: 0})


async def test_entries_of_a_partition_become_one_signal(bus: Bus, writer: Writer) -> None:
    second = await own(bus, 1)
    await writer.commit(pages=[[t] for t in tokens(3)])
    await second.commit(pages=[[t] for t in tokens(2, 1)])
    held = await bus.take({TYPE: [0, 1]}, "w1", count=9, block_ms=0)
    assert await bus.complete([done(d) for d in held]) == [True] * 5
    for p, count in ((0, 3), (1, 2)):
        (entry,) = await signals(bus, p)
        assert entry.fields == [("k", b"done"), *((name, OUT) for name, _ in tokens(count, p))]


async def test_complete_twice_counts_once(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    assert await bus.complete([done(delivery)]) == [True]
    assert await bus.complete([done(delivery, b"again")]) == [False]
    assert await done_tokens(bus) == [(token()[0], OUT)]


async def test_the_same_entry_twice_in_one_call_counts_once(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    assert await bus.complete([done(delivery, b"1"), done(delivery, b"2")]) == [True, False]
    assert await done_tokens(bus) == [(token()[0], b"1")]


async def test_of_racing_completes_one_wins(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    replies = await asyncio.gather(
        *(bus.complete([done(delivery, str(i).encode())]) for i in range(4))
    )
    assert sorted(ok for (ok,) in replies) == [False, False, False, True]
    winner = replies.index([True])
    assert await done_tokens(bus) == [(token()[0], str(winner).encode())]


async def test_nobody_completes_what_nobody_took(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    assert await bus.complete([Done(0, TYPE, "1-1", [(token()[0], OUT)])]) == [False]
    assert await bus.complete([Done(0, "python", "1-1", [(token()[0], OUT)])]) == [False]
    assert await signals(bus) == []
    assert len(await take(bus)) == 1


async def test_mixed_fates_in_one_call(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[t] for t in tokens(3)])
    first, second, third = await take(bus)
    await bus.complete([done(second)])
    assert await bus.complete([done(first), done(second, b"late"), done(third)]) == [
        True, False, True,
    ]  # fmt: skip
    assert Counter(await done_tokens(bus)) == Counter((name, OUT) for name, _ in tokens(3))


async def test_completing_nothing(bus: Bus) -> None:
    assert await bus.complete([]) == []


async def test_an_entry_without_results_ends_without_a_signal(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    assert await bus.complete([Done(0, TYPE, delivery.id, [])]) == [True]
    assert await signals(bus) == []


async def test_a_very_large_completion_loses_nothing(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(1_500), tokens(1_500)])
    held = await take(bus)
    assert await bus.complete([done(d) for d in held]) == [True, True]
    assert [name for name, _ in await done_tokens(bus)] == [name for name, _ in tokens(1_500)] * 2


# ── split ──────────────────────────────────────────────────────────────────────────────────────


async def test_split_records_keeps_and_readds(bus: Bus, writer: Writer) -> None:
    page = tokens(4)
    await writer.commit(pages=[page])
    delivery = await take_one(bus)
    results = [(page[0][0], OUT)]
    assert await bus.split(delivery, "w1", results, page[1][0], page[2:]) is True
    assert await done_tokens(bus) == results
    other = await take_one(bus, "w2")
    assert (other.tokens, other.deliveries) == (page[2:], 1)
    kept = Done(0, TYPE, delivery.id, [(page[1][0], OUT)])
    assert await bus.complete([kept]) == [True]
    assert await done_tokens(bus) == [*results, (page[1][0], OUT)]


async def test_split_by_a_stranger_does_nothing(bus: Bus, writer: Writer) -> None:
    page = tokens(3)
    await writer.commit(pages=[page])
    delivery = await take_one(bus)
    assert not await bus.split(delivery, "w2", [(page[0][0], OUT)], page[1][0], page[2:])
    assert await signals(bus) == []
    assert await take(bus) == []


async def test_split_after_completion_does_nothing(bus: Bus, writer: Writer) -> None:
    page = tokens(3)
    await writer.commit(pages=[page])
    delivery = await take_one(bus)
    await bus.complete([Done(0, TYPE, delivery.id, [])])
    assert not await bus.split(delivery, "w1", [(page[0][0], OUT)], page[1][0], page[2:])
    assert await signals(bus) == []
    assert await take(bus) == []


async def test_split_without_results_or_rest(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    assert await bus.split(delivery, "w1", [], token()[0], []) is True
    assert await signals(bus) == []
    assert await take(bus) == []
    assert await bus.heartbeat("w1", [(0, TYPE, delivery.id)]) == [True]


# ── surrender ──────────────────────────────────────────────────────────────────────────────────


async def test_surrendered_pages_come_back_token_by_token(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[tokens(3)])
    delivery = await take_one(bus)
    assert await bus.surrender(delivery, "w1") is True
    found = await take(bus, "w2")
    assert [d.tokens for d in found] == [[t] for t in tokens(3)]
    assert [d.deliveries for d in found] == [1, 1, 1]
    assert await bus.complete([done(delivery)]) == [False]


async def test_a_surrender_does_not_count_as_delivery(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    for _ in range(7):
        delivery = await take_one(bus)
        assert delivery.deliveries == 1
        await bus.surrender(delivery, "w1")


async def test_surrender_by_a_stranger_does_nothing(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    assert await bus.surrender(delivery, "w2") is False
    assert await take(bus) == []
    assert await bus.surrender(delivery, "w1") is True
    assert await bus.surrender(delivery, "w1") is False
    assert len(await take(bus)) == 1


# ── heartbeat ──────────────────────────────────────────────────────────────────────────────────


async def test_heartbeat_tells_what_is_still_held(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[t] for t in tokens(3)])
    first, second, third = await take(bus)
    await bus.complete([done(second)])
    held = [(d.p, d.type, d.id) for d in (first, second, third)]
    assert await bus.heartbeat("w1", [*held, (0, "python", "1-1"), (3, TYPE, "1-1")]) == [
        True, False, True, False, False,
    ]  # fmt: skip
    assert await bus.heartbeat("w1", []) == []


async def test_heartbeat_of_a_stranger_is_refused_and_takes_nothing(
    bus: Bus, writer: Writer
) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    held = [(0, TYPE, delivery.id)]
    assert await bus.heartbeat("w2", held) == [False]
    assert await bus.heartbeat("w1", held) == [True]


async def test_heartbeats_are_no_deliveries(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[token()]])
    delivery = await take_one(bus)
    for _ in range(5):
        await bus.heartbeat("w1", [(0, TYPE, delivery.id)])
    await bus.claim(
        0, TYPE, "w2", min_idle_ms=0, limit=9, max_deliveries=5, lost=b"lost", cancelled=b"c"
    )  # fmt: skip
    assert (await take_one(bus, "w2")).deliveries == 2


# ── backlog, loss ──────────────────────────────────────────────────────────────────────────────


async def test_backlog_counts_waiting_and_held_entries(bus: Bus, writer: Writer) -> None:
    await writer.commit(pages=[[t] for t in tokens(5)])
    held = await take(bus, count=2)
    assert await bus.backlog(0) == {TYPE: 5}
    await bus.complete([done(d) for d in held])
    assert await bus.backlog(0) == {TYPE: 3}
    assert await bus.backlog(1) in ({}, {TYPE: 0})


async def test_workers_survive_a_server_that_lost_everything(rig: Rig) -> None:
    bus = rig.bus
    writer = await own(bus)
    await writer.commit(pages=[tokens(2)])
    delivery = await take_one(bus)
    await rig.lose()
    assert await bus.heartbeat("w1", [(0, TYPE, delivery.id)]) == [False]
    assert await bus.complete([done(delivery)]) == [False]
    assert await bus.split(delivery, "w1", [], token()[0], [token("b")]) is False
    assert await bus.surrender(delivery, "w1") is False
    assert await bus.claim(
        0, TYPE, "w2", min_idle_ms=0, limit=9, max_deliveries=5, lost=b"", cancelled=b"c"
    ) == 0  # fmt: skip
    assert await take(bus) == []
    writer = await own(bus)
    await writer.commit(pages=[[token()]])
    assert [d.tokens for d in await take(bus)] == [[token()]]
