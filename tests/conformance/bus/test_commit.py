"""Commit: the fence, all sections, all or nothing."""

from __future__ import annotations

import asyncio

import pytest

from minuet.bus.api import MAX_PAIRS, Commit, Page, RunWrite
from minuet.bus.codes import BusFault
from minuet.model.errors import Fenced

from .rig import (
    LONG_MS,
    SOON_MS,
    TYPE,
    Bus,
    Rig,
    Writer,
    dead_letters,
    eventually,
    own,
    signals,
    take,
    token,
)

RUN = "0-run"
BINARY = bytes(range(256))


def full(owner: str, number: int) -> Commit:
    """A commit that writes to every section."""
    return Commit(
        0, owner, number, "0-0",
        runs=[RunWrite(RUN, {"head": "h"}, {"a": b"1"})],
        pages=[Page(TYPE, [token()])],
        timers_add=[("wait x", 1)],
        cancelled=["0-run/b/1/1"],
        signals=[[("k", b"continue")]],
        event=b"{}",
        dead_letters=[[("kind", b"x")]],
    )  # fmt: skip


async def assert_untouched(rig: Rig) -> None:
    bus = rig.bus
    assert await bus.load_runs(0, [RUN]) == [None]
    assert await bus.load_outputs(0, RUN, ["a"]) == [None]
    assert await signals(bus) == []
    assert await take(bus) == []
    assert await bus.fire_timers(0) is None
    assert await bus.cancelled(["0-run/b/1/1"]) == [False]
    assert await bus.read_events({0: "0-0"}, count=10, block_ms=0) == []
    assert await dead_letters(bus) == []


@pytest.mark.parametrize(
    ("owner", "number"), [("b", 1), ("a", 0), ("a", 2), ("b", 0), ("", 1), ("b", 2)]
)
async def test_fence_refuses_another_owner_or_number(rig: Rig, owner: str, number: int) -> None:
    writer = await own(rig.bus, owner="a")
    await writer.commit()
    with pytest.raises(Fenced):
        await rig.bus.commit(full(owner, number))
    await assert_untouched(rig)
    assert await rig.bus.renew(0, "a", LONG_MS) == 1


async def test_fence_refuses_before_anybody_owns(rig: Rig) -> None:
    with pytest.raises(Fenced):
        await rig.bus.commit(full("a", 0))
    await assert_untouched(rig)


async def test_fence_refuses_after_release(rig: Rig) -> None:
    await own(rig.bus, owner="a")
    await rig.bus.release(0, "a")
    with pytest.raises(Fenced):
        await rig.bus.commit(full("a", 0))
    await assert_untouched(rig)


async def test_fence_refuses_the_old_owner_after_a_takeover(rig: Rig) -> None:
    await own(rig.bus, owner="a", lease_ms=SOON_MS)
    await eventually(lambda: rig.bus.acquire(0, "b", LONG_MS))
    with pytest.raises(Fenced):
        await rig.bus.commit(full("a", 0))
    await assert_untouched(rig)


async def test_fence_refuses_on_a_server_that_lost_everything(rig: Rig) -> None:
    await own(rig.bus, owner="a")
    await rig.lose()
    with pytest.raises(Fenced):
        await rig.bus.commit(full("a", 0))
    await assert_untouched(rig)


async def test_expired_lease_that_nobody_took_still_commits(bus: Bus) -> None:
    await bus.acquire(0, "a", 10, now=1_000)
    await Writer(bus, 0, "a", 0, "0-0").commit()
    assert await bus.renew(0, "a", LONG_MS) == 1


async def test_the_same_commit_counts_once(bus: Bus) -> None:
    await own(bus, owner="a")
    await bus.commit(full("a", 0))
    with pytest.raises(Fenced):
        await bus.commit(full("a", 0))
    assert len(await take(bus)) == 1


async def test_of_two_racing_commits_one_wins(bus: Bus) -> None:
    await own(bus, owner="a")
    replies = await asyncio.gather(
        *(bus.commit(full("a", 0)) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(r, Fenced) for r in replies) == 3
    assert len(await bus.read_events({0: "0-0"}, count=10, block_ms=0)) == 1


async def test_every_section_arrives(rig: Rig) -> None:
    bus = rig.bus
    await own(bus, owner="a")
    before = await bus.now()
    at = await bus.commit(full("a", 0))
    assert before <= at <= await bus.now()
    (loaded,) = await bus.load_runs(0, [RUN])
    assert loaded is not None
    assert dict(loaded.fields) == {"head": b"h"}
    assert await bus.load_outputs(0, RUN, ["b", "a"]) == [None, b"1"]
    assert [e.fields for e in await signals(bus)] == [[("k", b"continue")]]
    assert [d.tokens for d in await take(bus)] == [[token()]]
    assert await bus.cancelled(["0-run/b/1/1"]) == [True]
    (event,) = await bus.read_events({0: "0-0"}, count=10, block_ms=0)
    assert (event.p, event.fields) == (0, [("e", b"{}")])
    assert await dead_letters(bus) == [[("kind", b"x")]]
    assert await bus.fire_timers(0) is None
    assert (await signals(bus))[1].fields == [("k", b"timer"), ("wait x", b"1")]


async def test_empty_commit_moves_the_number_only(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit()
    assert await bus.read_events({0: "0-0"}, count=10, block_ms=0) == []
    assert await bus.renew(0, writer.owner, LONG_MS) == 1


async def test_signals_through_the_cursor_are_trimmed(bus: Bus) -> None:
    writer = await own(bus)
    await bus.send(0, [[("k", b"s"), ("n", str(i).encode())] for i in range(5)])
    entries = await signals(bus)
    await writer.commit(cursor=entries[2].id)
    assert await signals(bus) == entries[3:]
    await writer.commit(cursor=entries[4].id)
    assert await signals(bus) == []


async def test_own_signals_come_after_those_that_wait(bus: Bus) -> None:
    writer = await own(bus)
    await bus.send(0, [[("k", b"one")], [("k", b"two")]])
    first = (await signals(bus))[0]
    await writer.commit(cursor=first.id, signals=[[("k", b"mine")]])
    found = [e.fields for e in await signals(bus, cursor=first.id)]
    assert found == [[("k", b"two")], [("k", b"mine")]]


async def test_only_named_fields_change(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(runs=[RunWrite(RUN, {"head": "1", "n:a": "x"}, {"a": b"1", "b": b"2"})])
    await writer.commit(runs=[RunWrite(RUN, {"head": "2", "n:b": "y"}, {"a": b"3"})])
    (loaded,) = await bus.load_runs(0, [RUN])
    assert loaded is not None
    assert dict(loaded.fields) == {"head": b"2", "n:a": b"x", "n:b": b"y"}
    assert await bus.load_outputs(0, RUN, ["a", "b"]) == [b"3", b"2"]


async def _stored(bus: Bus) -> tuple[dict[str, bytes] | None, list[bytes | None]]:
    (loaded,) = await bus.load_runs(0, [RUN])
    fields = None if loaded is None else dict(loaded.fields)
    return fields, await bus.load_outputs(0, RUN, ["a", "b"])


@pytest.fixture
async def writer(bus: Bus) -> Writer:
    """An owner with a run that has a head, other fields and outputs."""
    writer = await own(bus)
    fields = {"head": "h1", "meta": "m", "n:a": "x"}
    await writer.commit(runs=[RunWrite(RUN, dict(fields), {"a": b"1"})])
    return writer


async def test_replace_drops_everything_before_setting(bus: Bus, writer: Writer) -> None:
    await writer.commit(runs=[RunWrite(RUN, {"n:b": "y"}, {"b": b"2"}, replace=True)])
    assert await _stored(bus) == ({"n:b": b"y"}, [None, b"2"])


async def test_purge_keeps_the_head(bus: Bus, writer: Writer) -> None:
    await writer.commit(runs=[RunWrite(RUN, {}, purge=True)])
    assert await _stored(bus) == ({"head": b"h1"}, [None, None])


async def test_purge_sets_fields_afterwards(bus: Bus, writer: Writer) -> None:
    await writer.commit(runs=[RunWrite(RUN, {"head": "h2"}, {"b": b"2"}, purge=True)])
    assert await _stored(bus) == ({"head": b"h2"}, [None, b"2"])


async def test_unlink_drops_all_and_ignores_fields(bus: Bus, writer: Writer) -> None:
    await writer.commit(runs=[RunWrite(RUN, {"head": "h2"}, {"a": b"9"}, unlink=True)])
    assert await _stored(bus) == (None, [None, None])
    assert await bus.heads(0, [RUN]) == [None]


@pytest.mark.parametrize("kind", ["purge", "unlink", "replace"])
async def test_dropping_a_run_that_is_not_there_is_harmless(bus: Bus, kind: str) -> None:
    writer = await own(bus)
    write = RunWrite(RUN, {})
    setattr(write, kind, True)
    await writer.commit(runs=[write])
    assert await _stored(bus) == (None, [None, None])


async def test_dropping_one_run_leaves_the_others(bus: Bus, writer: Writer) -> None:
    other = RunWrite("0-other", {"head": "o"}, {"a": b"o"})
    await writer.commit(runs=[RunWrite(RUN, {}, unlink=True), other])
    assert await bus.heads(0, [RUN, "0-other"]) == [None, b"o"]
    assert await bus.load_outputs(0, "0-other", ["a"]) == [b"o"]


async def test_heads_and_runs_keep_the_asked_order(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(runs=[RunWrite(f"0-r{i}", {"head": f"h{i}"}) for i in range(3)])
    asked = ["0-r2", "0-none", "0-r0"]
    assert await bus.heads(0, asked) == [b"h2", None, b"h0"]
    loaded = await bus.load_runs(0, asked)
    assert [None if x is None else dict(x.fields) for x in loaded] == [
        {"head": b"h2"}, None, {"head": b"h0"},
    ]  # fmt: skip
    assert await bus.heads(0, []) == []
    assert await bus.load_runs(0, []) == []
    assert await bus.load_outputs(0, "0-r0", []) == []


async def test_values_are_binary_safe(rig: Rig) -> None:
    bus = rig.bus
    writer = await own(bus)
    name = "0-run/ü%\n/1/1"
    await writer.commit(
        runs=[RunWrite(RUN, {"head": BINARY, "n:ü": "ü"}, {"a": BINARY, "b": b""})],
        pages=[[(name, BINARY)]],
        signals=[[("k", BINARY), ("ü", b"")]],
        event=BINARY,
        dead_letters=[[("x", BINARY)]],
    )
    assert await _stored(bus) == ({"head": BINARY, "n:ü": "ü".encode()}, [BINARY, b""])
    (delivery,) = await take(bus)
    assert delivery.tokens == [(name, BINARY)]
    assert [e.fields for e in await signals(bus)] == [[("k", BINARY), ("ü", b"")]]
    (event,) = await bus.read_events({0: "0-0"}, count=1, block_ms=0)
    assert event.fields == [("e", BINARY)]
    assert await dead_letters(bus) == [[("x", BINARY)]]


async def test_commit_of_ten_thousand_values(bus: Bus) -> None:
    count = 10_000
    writer = await own(bus)
    await writer.commit(timers_add=[(f"old {i}", 5) for i in range(count)])
    await writer.commit(
        runs=[
            RunWrite(RUN, {f"n:{i}": str(i) for i in range(count)},
                     {f"o{i}": str(i).encode() for i in range(count)}),
            *(RunWrite(f"0-r{i}", {"head": "h"}) for i in range(200)),
        ],
        pages=[[token(f"n{i}")] for i in range(4_000)],
        timers_add=[(f"wait {i}", 1) for i in range(count)],
        timers_del=[f"old {i}" for i in range(count)],
        cancelled=[f"0-run/c{i}/1/1" for i in range(count)],
        signals=[[("k", str(i).encode())] for i in range(1_000)],
    )  # fmt: skip
    (loaded,) = await bus.load_runs(0, [RUN])
    assert loaded is not None
    assert dict(loaded.fields) == {f"n:{i}": str(i).encode() for i in range(count)}
    names = [f"o{i}" for i in range(count)]
    assert await bus.load_outputs(0, RUN, names) == [str(i).encode() for i in range(count)]
    assert await bus.heads(0, [f"0-r{i}" for i in range(200)]) == [b"h"] * 200
    assert await bus.backlog(0) == {TYPE: 4_000}
    assert [e.fields[0][1] for e in await signals(bus)] == [str(i).encode() for i in range(1_000)]
    assert await bus.cancelled(["0-run/c0/1/1", "0-run/c9999/1/1"]) == [True, True]
    fired = 0
    while await bus.fire_timers(0) is not None:
        fired += 1
    assert fired == 19  # and the twentieth found no more


async def test_partitions_do_not_mix(bus: Bus) -> None:
    first, second = await own(bus, 0, "a"), await own(bus, 1, "a")
    await first.commit(runs=[RunWrite("0-run", {"head": "0"})], pages=[[token()]], event=b"0")
    await second.commit(runs=[RunWrite("1-run", {"head": "1"})], event=b"1")
    assert await bus.heads(1, ["1-run", "0-run"]) == [b"1", None]
    assert await take(bus, p=1) == []
    events = await bus.read_events({0: "0-0", 1: "0-0"}, count=10, block_ms=0)
    assert {(e.p, e.fields[0][1]) for e in events} == {(0, b"0"), (1, b"1")}


@pytest.mark.parametrize("size", [0, MAX_PAIRS + 1])
@pytest.mark.parametrize("section", ["pages", "signals", "dead_letters"])
async def test_an_entry_of_a_wrong_size_refuses_the_whole_commit(
    rig: Rig, section: str, size: int
) -> None:
    await own(rig.bus, owner="a")
    entry = [("0-run/a/1/1", b"x")] * size
    commit = full("a", 0)
    getattr(commit, section).append(Page(TYPE, entry) if section == "pages" else entry)
    with pytest.raises(BusFault):
        await rig.bus.commit(commit)
    await assert_untouched(rig)
    assert await rig.bus.renew(0, "a", LONG_MS) == 0


async def test_an_entry_of_the_largest_size_is_taken(bus: Bus) -> None:
    writer = await own(bus)
    page = [token(f"n{i}") for i in range(MAX_PAIRS)]
    await writer.commit(pages=[page])
    assert [d.tokens for d in await take(bus)] == [page]
