"""What is left of runs, tokens and values that are over, and how it goes."""

from __future__ import annotations

from collections.abc import Collection

from minuet.bus.api import RunWrite
from minuet.model.event import LiveEvent

from .rig import LONG_MS, Bus, Rig, eventually, own, token, tokens

PARTITIONS = 4
HELD = RunWrite("2-a", {"head": "h", "meta": "{}"}, {"n": b"1"})


async def held(bus: Bus, partitions: Collection[int] = range(PARTITIONS)) -> set[tuple[int, str]]:
    return {(p, run) async for p, runs in bus.held_runs(partitions) for run in runs}


async def test_every_run_is_found_whatever_of_it_is_held(bus: Bus) -> None:
    assert await held(bus) == set()
    first, other = await own(bus, p=0), await own(bus, p=2)
    await first.commit(runs=[RunWrite(f"0-{i}", {"head": "h"}, {}) for i in range(50)])
    await other.commit(runs=[HELD, RunWrite("2-b:x", {"head": "h"}, {})])
    await bus.cas_put("t", "sha256:run", b"1", ttl_s=60)
    assert await held(bus) == {(0, f"0-{i}") for i in range(50)} | {(2, "2-a"), (2, "2-b:x")}
    assert await held(bus, [1, 2]) == {(2, "2-a"), (2, "2-b:x")}
    assert await held(bus, [3]) == await held(bus, []) == set()
    await other.commit(runs=[RunWrite("2-a", {}, {}, unlink=True)])
    assert (2, "2-a") not in await held(bus)


async def test_a_purged_run_holds_no_more_than_its_head(bus: Bus) -> None:
    writer = await own(bus, p=2)
    await writer.commit(runs=[HELD])
    assert await bus.unpurged(2, ["2-a", "2-nothing"]) == [True, False]
    await writer.commit(runs=[RunWrite("2-a", {}, {}, purge=True)])
    assert await bus.unpurged(2, ["2-a"]) == [False]
    assert await held(bus) == {(2, "2-a")}


async def test_cancelled_tokens_are_told_oldest_first_and_forgotten(bus: Bus) -> None:
    writer = await own(bus)
    names = [name for name, _ in tokens(4)]
    for name in names[:3]:
        await writer.commit(cancelled=[name])
    await writer.commit(cancelled=[names[3]])
    now = await bus.now()
    assert await bus.cancelled_before(0, 1, limit=9) == []
    assert await bus.cancelled_before(0, now, limit=9) == names
    assert await bus.cancelled_before(0, now, limit=2) == names[:2]
    await bus.forget_cancelled(0, names[:1])
    await bus.forget_cancelled(0, [])
    assert await bus.cancelled(names) == [False, True, True, True]
    assert await bus.cancelled_before(0, now + 3_700_000, limit=9) == []
    assert await bus.cancelled(names) == [False] * 4


async def test_a_worker_that_holds_something_is_never_forgotten(bus: Bus) -> None:
    writer = await own(bus)
    await writer.commit(pages=[[token()]])
    [delivery] = await bus.take({"http": [0]}, "holder", count=1, block_ms=0)
    await bus.drop_consumers(0, min_idle_ms=0)
    await bus.drop_consumers(1, min_idle_ms=0)
    assert await bus.heartbeat("holder", [(0, "http", delivery.id)]) == [True]
    assert await bus.surrender(delivery, "holder")
    await bus.drop_consumers(0, min_idle_ms=LONG_MS)
    await bus.drop_consumers(0, min_idle_ms=0)
    assert len(await bus.take({"http": [0]}, "holder", count=1, block_ms=0)) == 1


async def test_what_was_told_live_is_deleted_up_to_an_entry(bus: Bus) -> None:
    await bus.trim_live({})
    for n in range(3):
        event = LiveEvent(run="0-run", tenant="t", type="node.log", node="a", gen=1, attempt=n,
                          time=1, data={})  # fmt: skip
        await bus.emit_live(0, [event])
    entries = await bus.read_live({0: "0-0"}, count=9, block_ms=0)
    await bus.trim_live({0: entries[1].id, 1: entries[1].id})
    assert await bus.read_live({0: "0-0"}, count=9, block_ms=0) == entries[2:]


async def test_the_oldest_commit_that_is_not_recorded_is_known(bus: Bus) -> None:
    writer = await own(bus)
    assert await bus.oldest_events([0, 1]) == {}
    at = [await writer.commit(event=b"{}") for _ in range(2)]
    assert await bus.oldest_events([0, 1]) == {0: at[0]}
    entries = await bus.read_events({0: "0-0"}, count=9, block_ms=0)
    await bus.delete_events({0: [entries[0].id]})
    assert await bus.oldest_events([0]) == {0: at[1]}


async def test_a_value_that_fades_is_there_until_then(bus: Bus) -> None:
    for name in ("sha256:a", "sha256:b"):
        await bus.cas_put("t", name, b"1", ttl_s=60)
    await bus.fade_blobs([], ttl_s=60)
    await bus.fade_blobs([("t", "sha256:a"), ("t", "sha256:none")], ttl_s=30)
    assert await bus.cas_get("t", "sha256:a", ttl_s=60) == b"1"
    assert await bus.cas_get("t", "sha256:b", ttl_s=60) == b"1"
    assert await bus.cas_get("t", "sha256:none", ttl_s=60) is None


async def test_a_value_that_is_renewed_outlives_what_it_was_given(rig: Rig) -> None:
    bus = rig.bus
    for name in ("sha256:short", "sha256:long"):
        await bus.cas_put("t", name, b"1", ttl_s=1 if name == "sha256:short" else 60)
    put_at = await bus.now()
    names = [("t", "sha256:short"), ("t", "sha256:none"), ("t", "sha256:long")]
    assert await bus.renew_blobs(names, ttl_s=30) == [True, False, True]
    assert await bus.renew_blobs([], ttl_s=30) == []

    async def second_passed() -> bool:
        return await bus.now() > put_at + 1_050

    await eventually(second_passed)
    assert await bus.renew_blobs(names, ttl_s=1) == [True, False, True]
