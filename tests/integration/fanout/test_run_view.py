"""Watching one run: nothing is missed, nothing comes twice, and the record wins."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from minuet.model.event import LiveEvent
from tests.support.records import TENANT, Owner

from .rig import Rig, run_id

pytestmark = pytest.mark.anyio

RUN = run_id(1)


async def test_a_snapshot_comes_first_then_what_is_not_recorded_yet(rig: Rig) -> None:
    await rig.accept(RUN)
    prev = await rig.steps(RUN, 3)
    await rig.record()
    prev = await rig.steps(RUN, 2, seq=3, prev=prev)
    async with rig.serving(), rig.watch(RUN) as watcher:
        snapshot = await watcher.frame()
        assert (snapshot["kind"], snapshot["run"]["seq"]) == ("snapshot", 3)
        assert [node["id"] for node in snapshot["run"]["nodes"]] == ["a"]
        assert await watcher.events(5) == [4, 5]
        await rig.steps(RUN, 1, seq=5, prev=prev)
        assert await watcher.events(6) == [6]


@pytest.mark.parametrize("after", [0, 2, 5])
async def test_after_resumes_without_a_gap(rig: Rig, after: int) -> None:
    await rig.accept(RUN)
    prev = await rig.steps(RUN, 4)
    await rig.record()
    prev = await rig.steps(RUN, 3, seq=4, prev=prev)
    async with rig.serving(), rig.watch(RUN, after=after) as watcher:
        await rig.end(RUN, seq=8, prev=prev)
        assert await watcher.events(8) == list(range(after + 1, 9))


async def test_many_clients_see_each_event_once_while_the_recorder_deletes(rig: Rig) -> None:
    await rig.accept(RUN)
    async with rig.serving():

        async def look(number: int) -> list[int]:
            async with rig.watch(RUN, after=0) as watcher:
                return await watcher.events(101)

        watchers = [asyncio.create_task(look(number)) for number in range(20)]
        prev = ""
        for seq in range(0, 100, 5):
            prev = await rig.steps(RUN, 5, seq=seq, prev=prev)
            await rig.record()
        await rig.end(RUN, seq=101, prev=prev)
        for ids in await asyncio.gather(*watchers):
            assert ids == list(range(1, 102))


async def test_what_the_stream_missed_comes_when_it_is_announced(rig: Rig) -> None:
    """Nobody reads the stream here: the recorder was quicker with everything."""
    await rig.accept(RUN)
    async with rig.serving(without=("events", "verify")), rig.watch(RUN, after=0) as watcher:
        prev = await rig.steps(RUN, 1)
        await rig.record()
        assert await watcher.events(1) == [1]
        await rig.end(RUN, seq=2, prev=prev)
        await rig.record()
        assert await watcher.events(2) == [2]


async def test_what_was_announced_to_nobody_is_found_by_looking(rig: Rig) -> None:
    await rig.accept(RUN)
    without = ("events", "verify", "announcements")
    async with rig.serving(without=without) as fanout, rig.watch(RUN, after=0) as watcher:
        await watcher.socket.ping()
        await rig.steps(RUN, 3)
        await rig.record()
        while not fanout.hub.feed_of(RUN):
            await asyncio.sleep(0.01)
        await fanout.hub.verify_once()
        assert await watcher.events(3) == [1, 2, 3]


async def test_a_gap_in_the_stream_is_filled_from_postgres(rig: Rig) -> None:
    await rig.accept(RUN)
    without = ("verify", "announcements")
    async with rig.serving(without=without), rig.watch(RUN, after=0) as watcher:
        prev = await rig.steps(RUN, 1)
        assert await watcher.events(1) == [1]
        await rig.record()
        async with rig.elsewhere():  # this fanout never gets to read events 2 and 3
            prev = await rig.steps(RUN, 2, seq=1, prev=prev)
            await rig.record()
        await rig.steps(RUN, 1, seq=3, prev=prev)
        assert await watcher.events(4) == [2, 3, 4]


async def test_another_history_in_redis_takes_back_what_is_not_recorded(rig: Rig) -> None:
    await rig.accept(RUN)
    first = await rig.steps(RUN, 1)
    await rig.record()
    async with rig.serving(), rig.watch(RUN) as watcher:
        assert (await watcher.frame())["run"]["seq"] == 1
        await rig.steps(RUN, 3, seq=1, prev=first)
        assert await watcher.events(4) == [2, 3, 4]
        await rig.bus.ask(b"DEL", rig.bus._keys.events(0), rig.bus._keys.lease(0))
        lost_at = await rig.bus.now()
        while await rig.bus.now() <= lost_at + 1:
            pass  # ids of entries count ms: a server that lost data is not back within one
        rig.owner = Owner(rig.bus, name="successor")
        await rig.steps(RUN, 1, seq=1, prev=first)
        assert await watcher.frame() == {"kind": "resync", "reason": "rollback"}
        snapshot = await watcher.frame()
        assert (snapshot["kind"], snapshot["run"]["seq"]) == ("snapshot", 1)
        assert await watcher.events(2) == [2]


async def test_the_record_wins_over_what_redis_told(rig: Rig) -> None:
    await rig.accept(RUN)
    async with rig.serving(without=("verify",)) as fanout, rig.watch(RUN, after=0) as watcher:
        await rig.steps(RUN, 2)
        assert await watcher.events(2) == [1, 2]
        async with rig.elsewhere():
            await rig.steps(RUN, 2)
            await rig.record()
        await fanout.hub.verify_once()
        assert await watcher.frame() == {"kind": "resync", "reason": "rollback"}
        assert (await watcher.frame())["run"]["seq"] == 2


async def test_a_position_that_no_history_has_is_answered_by_a_snapshot(rig: Rig) -> None:
    await rig.accept(RUN)
    await rig.steps(RUN, 2)
    await rig.record()
    async with rig.serving(), rig.watch(RUN, after=9) as watcher:
        assert await watcher.frame() == {"kind": "resync", "reason": "position"}
        assert (await watcher.frame())["run"]["seq"] == 2


async def test_live_frames_come_beside_events(rig: Rig) -> None:
    await rig.accept(RUN, run_id(2))
    async with rig.serving(), rig.watch(RUN) as watcher:
        await watcher.frame()
        live = LiveEvent("node.log", RUN, TENANT, "a", 1, 1, 5, {"message": "<b>"})
        other = msgspec.structs.replace(live, run=run_id(2))
        foreign = msgspec.structs.replace(live, tenant="other")
        told = None
        while told is None:
            await rig.bus.emit_live(0, [other, foreign, live])
            try:
                async with asyncio.timeout(0.2):
                    told = await watcher.frame()
            except TimeoutError:
                continue  # it began to read after this was told: live frames may be lost
        assert told["kind"] == "live"
        assert told["event"]["data"] == {"message": "<b>"}
        assert told["event"]["run"] == RUN


async def test_a_slow_client_gets_a_snapshot_and_then_the_end(rig: Rig) -> None:
    await rig.accept(RUN)
    async with rig.serving(buffer_frames=10), rig.watch(RUN, after=0, max_queue=1) as watcher:
        prev = await rig.steps(RUN, 1)
        assert await watcher.events(1) == [1]
        prev = await rig.steps(RUN, 300, seq=1, prev=prev, size=60_000)
        await rig.end(RUN, seq=302, prev=prev)
        await rig.record()
        assert (await watcher.until("resync"))["reason"] == "slow"
        snapshot = await watcher.frame()
        assert snapshot["kind"] == "snapshot"
        seq = snapshot["run"]["seq"]
        if seq < 302:
            while (frame := await watcher.frame())["kind"] != "event" or frame["event"]["id"] < 302:
                pass
        else:
            assert snapshot["run"]["status"] == "succeeded"


async def test_stopping_closes_with_going_away(rig: Rig) -> None:
    await rig.accept(RUN)
    async with rig.serving():
        watching = rig.watch(RUN)
        watcher = await watching.__aenter__()
        await watcher.frame()
    with pytest.raises(ConnectionClosed) as closed:
        await watcher.frame()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    await watching.__aexit__(None, None, None)


async def test_nobody_watching_leaves_nothing_behind(rig: Rig) -> None:
    await rig.accept(RUN)
    async with rig.serving() as fanout:
        async with rig.watch(RUN) as watcher:
            await watcher.frame()
            assert fanout.hub.feed_of(RUN) is not None
        async with asyncio.timeout(5):
            while fanout.hub.feed_of(RUN) is not None:
                await asyncio.sleep(0.01)
        assert fanout.hub.events.watched == set()


async def test_a_run_that_is_over_is_not_read_any_more(rig: Rig) -> None:
    await rig.accept(RUN)
    prev = await rig.steps(RUN, 1)
    await rig.end(RUN, seq=2, prev=prev)
    await rig.record()
    async with rig.serving() as fanout, rig.watch(RUN) as watcher:
        assert (await watcher.frame())["run"]["status"] == "succeeded"
        assert fanout.hub.events.watched == set()
