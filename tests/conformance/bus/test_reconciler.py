"""What the reconciler may look at: which tokens stand in a stream, and what is unread."""

from __future__ import annotations

from minuet.bus.api import Done

from .rig import TYPE, Bus, own, signals, take, take_one, token, tokens

TEN = 10


def names(*pairs: tuple[str, bytes]) -> set[str]:
    return {name for name, _ in pairs}


async def test_a_type_that_never_had_tasks_has_no_tokens(bus: Bus) -> None:
    assert await bus.task_tokens(0, "nothing", limit=TEN) == set()


async def test_tokens_are_found_undelivered_and_in_a_workers_hands(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[tokens(2), [token("x")]])
    assert await bus.task_tokens(0, TYPE, limit=TEN) == names(*tokens(2), token("x"))
    await take_one(bus)
    assert await bus.task_tokens(0, TYPE, limit=TEN) == names(*tokens(2), token("x"))
    assert await bus.task_tokens(1, TYPE, limit=TEN) == set()


async def test_a_finished_token_stands_in_no_stream(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[[token("a")], [token("b")]])
    page = await take_one(bus)
    await bus.complete([Done(0, TYPE, page.id, [(page.tokens[0][0], b"{}")])])
    assert await bus.task_tokens(0, TYPE, limit=TEN) == names(token("b"))


async def test_a_claimed_token_is_found_without_its_count(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[tokens(3)])
    await take(bus)
    claimed = await bus.claim(
        0, TYPE, "w2", min_idle_ms=0, limit=9, max_deliveries=5, lost=b"{}", cancelled=b"c"
    )
    assert claimed == 1
    assert await bus.task_tokens(0, TYPE, limit=TEN) == names(*tokens(3))


async def test_more_entries_than_the_limit_cannot_be_told(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[[token(f"n{i}")] for i in range(250)])
    assert await bus.task_tokens(0, TYPE, limit=249) is None
    assert await bus.task_tokens(0, TYPE, limit=250) == names(*tokens(250))


async def test_the_span_of_signals_begins_at_the_cursor_and_ends_at_the_newest(bus: Bus) -> None:
    nothing = await bus.signal_span(0)
    assert (nothing.cursor, nothing.last) == ("0-0", "0-0")
    await bus.send(0, [[("k", b"x")], [("k", b"y")], [("k", b"z")]])
    first, second, third = await signals(bus)
    span = await bus.signal_span(0)
    assert (span.cursor, span.last) == ("0-0", third.id)
    assert not span.has_passed(first.id)

    writer = await own(bus)
    await writer.commit(cursor=second.id)
    span = await bus.signal_span(0)
    assert (span.cursor, span.last) == (second.id, third.id)
    assert span.has_passed(second.id)
    assert not span.has_passed(third.id)

    await writer.commit(cursor=third.id)
    span = await bus.signal_span(0)
    assert span.cursor == span.last == third.id
