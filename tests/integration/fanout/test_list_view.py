"""Watching the list of runs of one's tenant."""

from __future__ import annotations

import asyncio

import pytest

from .rig import Rig, run_id

pytestmark = pytest.mark.anyio


async def test_the_newest_runs_then_changes_of_status(rig: Rig) -> None:
    runs = [run_id(1), run_id(2)]
    await rig.accept(*runs)
    async with rig.serving(), rig.watch(None) as watcher:
        snapshot = await watcher.frame()
        assert snapshot["kind"] == "snapshot"
        assert {line["id"]: line["status"] for line in snapshot["runs"]} == dict.fromkeys(
            runs, "queued"
        )
        prev = await rig.steps(runs[0], 1)
        await rig.end(runs[0], seq=2, prev=prev)
        await rig.record()
        changed = await watcher.until("event")
        assert [(line["id"], line["status"]) for line in changed["runs"]] == [
            (runs[0], "succeeded")
        ]


async def test_runs_of_other_tenants_are_not_shown(rig: Rig) -> None:
    await rig.accept(run_id(1), tenant="other")
    await rig.accept(run_id(2))
    async with rig.serving(), rig.watch(None) as watcher:
        assert [line["id"] for line in (await watcher.frame())["runs"]] == [run_id(2)]
        await rig.steps(run_id(1), 1)
        await rig.record()
        await rig.steps(run_id(2), 1)
        await rig.record()
        assert [line["id"] for line in (await watcher.until("event"))["runs"]] == [run_id(2)]


async def test_many_changes_come_in_few_frames(rig: Rig) -> None:
    runs = [run_id(number) for number in range(60)]
    await rig.accept(*runs)
    async with rig.serving(), rig.watch(None) as watcher:
        await watcher.frame()
        began = asyncio.get_running_loop().time()
        for run in runs:
            await rig.steps(run, 1)
            await rig.record()
        seen: set[str] = set()
        frames = 0
        while len(seen) < len(runs):
            frame = await watcher.until("event")
            frames += 1
            seen |= {line["id"] for line in frame["runs"] if line["status"] == "running"}
        seconds = asyncio.get_running_loop().time() - began
        assert frames <= 5 * seconds + 2


async def test_a_lost_announcement_is_made_good(rig: Rig) -> None:
    await rig.accept(run_id(1))
    async with rig.serving(without=("announcements",)) as fanout, rig.watch(None) as watcher:
        await watcher.frame()
        await rig.steps(run_id(1), 1)
        await rig.record()
        await fanout.listing.look()
        changed = await watcher.until("event")
        assert [line["status"] for line in changed["runs"]] == ["running"]
