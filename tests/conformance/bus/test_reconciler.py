"""What the reconciler may look at: which tokens stand in a stream, and what is unread."""

from __future__ import annotations

from minuet.bus.api import Done, StaleRuns
from minuet.bus.voucher import Finding, Voucher

from .rig import TYPE, Bus, Rig, own, signals, take, take_one, token, tokens

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


async def test_a_voucher_is_replaced_by_who_saw_the_present_one(bus: Bus) -> None:
    assert await bus.vouchers(2) == [None, None]
    assert await bus.vouch(1, before=None, after="a")
    assert not await bus.vouch(1, before=None, after="b")
    assert not await bus.vouch(1, before="c", after="b")
    assert await bus.vouch(1, before="a", after="b")
    assert await bus.vouchers(2) == [None, "b"]


async def test_a_voucher_is_lost_with_all_the_rest(rig: Rig) -> None:
    await rig.bus.vouch(0, before=None, after="a")
    await rig.lose()
    assert await rig.bus.vouchers(1) == [None]


async def test_only_a_voucher_for_this_start_of_the_server_counts(bus: Bus) -> None:
    vouchers = {
        0: None,
        1: Voucher(Finding.COMPARED, 5, "e", await bus.server_id()).encode(),
        2: Voucher(Finding.COMPARED, 5, "e", "another start").encode(),
        3: Voucher(Finding.DOUBTED, 5, "e", "x").encode(),
        4: Voucher(Finding.EMPTIED, 5, "e", "x").encode(),
    }
    for p, text in vouchers.items():
        if text is not None:
            await bus.vouch(p, before=None, after=text)
    assert await bus.unvouched([4, 3, 2, 1, 0]) == [3, 2]


def token_of(run: str) -> tuple[str, bytes]:
    return (f"{run}/n/1/1", b"{}")


async def test_tokens_of_a_run_are_withdrawn_from_lines_and_hands(bus: Bus) -> None:
    writer = await own(bus)
    stale, fresh = token_of("0-stale"), token_of("0-fresh")
    await writer.commit(pages=[[stale, fresh]])
    held = await take_one(bus)
    await writer.commit(pages=[[stale], [fresh]])
    assert await bus.withdraw(0, {"0-stale", "0-other"}) == 2
    assert await bus.complete([Done(0, TYPE, held.id, [(fresh[0], b"{}")])]) == [False]
    assert await bus.withdraw(0, {"0-stale"}) == 0
    again = await take(bus)
    assert [page.tokens for page in again] == [[fresh], [fresh]]
    assert [page.deliveries for page in again] == [1, 2]


async def test_of_a_split_page_only_the_token_in_hand_is_withdrawn(bus: Bus) -> None:
    writer = await own(bus)
    first, second = token_of("0-a"), token_of("0-b")
    await writer.commit(pages=[[first, second]])
    held = await take_one(bus)
    assert await bus.split(held, "w1", [(second[0], b"{}")], first[0], [])
    assert await bus.withdraw(0, {"0-b"}) == 0
    assert await bus.withdraw(0, {"0-a"}) == 1
    assert await bus.task_tokens(0, TYPE, limit=TEN) == set()


async def test_the_next_owner_learns_which_runs_are_stale(bus: Bus) -> None:
    assert await bus.stale_runs(0) is None
    await bus.note_stale(0, StaleRuns(frozenset({"0-a"}), "5-0"))
    newer = StaleRuns(frozenset({"0-b", "0-c"}), "6-0")
    await bus.note_stale(0, newer)
    assert await bus.stale_runs(0) == newer
    assert await bus.stale_runs(1) is None
