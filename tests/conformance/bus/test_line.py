"""Where tokens stand: in line, or in a worker's hands."""

from __future__ import annotations

from minuet.bus.api import Done, TaskLine

from .rig import LONG_MS, SOON_MS, TYPE, Bus, eventually, own, take, take_one, token, tokens

TEN = 10


def ids(*pairs: tuple[str, bytes]) -> list[str]:
    return [name for name, _ in pairs]


async def test_a_type_that_never_had_tasks_has_an_empty_line(bus: Bus) -> None:
    assert await bus.task_line(0, "nothing", limit=TEN) == TaskLine([], {}, True)


async def test_tokens_wait_in_the_order_of_their_commits(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[tokens(2), [token("x")]])
    expected = TaskLine(ids(*tokens(2), token("x")), {}, True)
    assert await bus.task_line(0, TYPE, limit=TEN) == expected


async def test_what_was_taken_is_in_its_workers_hands(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[tokens(2)])
    await take_one(bus, "w1")
    await writer.commit(pages=[[token("x")]])
    held = dict.fromkeys(ids(*tokens(2)), "w1")
    assert await bus.task_line(0, TYPE, limit=TEN) == TaskLine(ids(token("x")), held, True)


async def test_of_a_split_page_only_the_token_in_hand_is_held(bus: Bus) -> None:
    writer = await own(bus)
    page = tokens(3)
    await writer.commit(pages=[page])
    delivery = await take_one(bus, "w1")
    await bus.split(delivery, "w1", [(page[0][0], b"{}")], page[1][0], page[2:])
    expected = TaskLine(ids(page[2]), {page[1][0]: "w1"}, True)
    assert await bus.task_line(0, TYPE, limit=TEN) == expected


async def test_a_claimed_token_waits_without_its_count(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[[token()]])
    await take(bus)
    await bus.claim(
        0, TYPE, "w2", min_idle_ms=0, limit=9, max_deliveries=5, lost=b"{}", cancelled=b"c"
    )
    assert await bus.task_line(0, TYPE, limit=TEN) == TaskLine(ids(token()), {}, True)


async def test_a_finished_token_stands_nowhere(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[[token()]])
    page = await take_one(bus)
    await bus.complete([Done(0, TYPE, page.id, [(token()[0], b"{}")])])
    assert await bus.task_line(0, TYPE, limit=TEN) == TaskLine([], {}, True)


async def test_a_partition_is_owned_while_its_lease_lasts(bus: Bus) -> None:
    assert not await bus.is_owned(0)
    assert await bus.acquire(0, "a", LONG_MS)
    assert await bus.is_owned(0)
    assert not await bus.is_owned(1)
    assert await bus.release(0, "a")
    assert not await bus.is_owned(0)
    assert await bus.acquire(0, "b", SOON_MS)
    assert await eventually(lambda: _is_free(bus))


async def _is_free(bus: Bus) -> bool:
    return not await bus.is_owned(0)


async def test_a_line_beyond_the_limit_is_not_whole(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[[token(f"n{i}")] for i in range(250)])
    line = await bus.task_line(0, TYPE, limit=200)
    assert line.waiting == ids(*(token(f"n{i}") for i in range(200)))
    assert not line.is_whole
    assert (await bus.task_line(0, TYPE, limit=300)).is_whole
