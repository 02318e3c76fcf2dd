"""What the server id does not tell: an emptied Redis, and one that brings back what had ended."""

from __future__ import annotations

import asyncio
import time

import pytest

from minuet.bus.voucher import Voucher
from minuet.model.errors import BusUnavailable
from minuet.services.recorder.metrics import GAPS
from minuet.store import commands
from minuet.store.database import Database

from .test_reconciler import RUNS, Stage, assert_one_whole_history, held_chain, stage

__all__ = ["stage"]
pytestmark = pytest.mark.anyio


async def vouched(stage: Stage) -> None:
    await stage.reconciler.tick()
    assert await stage.bus.unvouched([0, 1]) == []


async def test_an_emptied_redis_is_filled_without_waiting_for_the_interval(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await vouched(stage)
        lost: list[float] = []
        stage.reconciler._on_loss = lambda: lost.append(time.monotonic())
        stage.bus.empty()
        await stage.reconciler.tick()
        assert len(lost) == 1
        assert await stage.bus.partitions() == await stage.database.partitions()
        stage.gate.set()
        await stage.heal()
    await assert_one_whole_history(stage.database)


async def test_commands_that_were_lost_are_due_at_once(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await vouched(stage)
        async with stage.database.transaction() as c:
            assert await commands.add_command(
                c, RUNS[0], "cancel", tenant="t", principal="p", data={}
            )
        assert await _due(stage.database) == []
        stage.bus.empty()
        await stage.reconciler.tick()
        assert await _due(stage.database) == [RUNS[0]]
        stage.gate.set()


async def _due(database: Database) -> list[str]:
    async with database.transaction() as c:
        runs = await commands.claim_unconfirmed(c, limit=9, least_s=60, most_s=60)
    return [run.id for run in runs]


async def test_ended_runs_that_come_back_are_laid_to_rest(stage: Stage) -> None:
    """Nothing of them is run again, and nothing of them stays."""
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await vouched(stage)
        old = stage.bus.snapshot()
        stage.gate.set()
        await stage.heal()
        ran: list[str] = []
        stage.answer = lambda token: ran.append(token.run)  # type: ignore[assignment, method-assign, return-value]
        stage.bus.rewind(old)
        await stage.reconciler.tick()
        async with asyncio.timeout(10):
            while any([await _alive(stage, run) for run in RUNS]):
                await asyncio.sleep(0.02)
        assert await stage.bus.backlog(0) == await stage.bus.backlog(1) == {}
    assert ran == []
    await assert_one_whole_history(stage.database)
    assert await stage.database.fetchval("select count(*) from runs where fork") == 0


@pytest.mark.parametrize("is_begun", [False, True])
async def test_ended_runs_that_come_back_from_before_the_first_voucher_are_laid_to_rest(
    stage: Stage, is_begun: bool
) -> None:
    """Also if a comparison was under way then: it had found the server empty."""
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        if is_begun:
            stage.bus.fail_next("heads")
            with pytest.raises(BusUnavailable):
                await stage.reconciler.tick()
        old = stage.bus.snapshot()
        stage.gate.set()
        await stage.heal()
    stage.bus.rewind(old)
    assert await stage.bus.backlog(0) != {}
    await stage.reconciler.tick()
    assert await stage.bus.unvouched([0, 1]) == []
    assert await stage.bus.backlog(0) == await stage.bus.backlog(1) == {}
    async with stage.playing(), asyncio.timeout(20):
        while any([await _alive(stage, run) for run in RUNS]):
            await asyncio.sleep(0.02)
    await assert_one_whole_history(stage.database)
    assert await stage.database.fetchval("select count(*) from runs where fork") == 0


async def _alive(stage: Stage, run: str) -> bool:
    [loaded] = await stage.bus.load_runs(int(run[0]), [run])
    return loaded is not None and "meta" in loaded.fields


async def test_a_comparison_that_failed_is_made_again(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await vouched(stage)
        stage.bus.empty()
        stage.bus.fail_next("heads")
        with pytest.raises(BusUnavailable):
            await stage.reconciler.tick()
        assert await stage.bus.unvouched([0, 1]) == []  # emptied: nobody has to wait
        stage.gate.set()
        await stage.heal()
        texts = await stage.bus.vouchers(2)
        server = await stage.bus.server_id()
        assert all(text and Voucher.decode(text).holds(server) for text in texts)
    await assert_one_whole_history(stage.database)


async def test_a_postgres_that_went_back_is_told_and_an_empty_redis_is_the_remedy(
    stage: Stage,
) -> None:
    """Nothing is recorded behind the gap and nothing crashes."""
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await vouched(stage)
        await stage.database.execute("delete from transitions where first_seq > 2")
        await stage.database.execute(
            "update runs set seq = t.last_seq, last_commit = t.commit_id from "
            "(select distinct on (run_id) run_id, last_seq, commit_id from transitions "
            "order by run_id, last_seq desc) as t where id = t.run_id"
        )
        before = GAPS._value.get()
        stage.gate.set()
        await stage.until("select count(*) from runs where fork", len(RUNS))
        assert GAPS._value.get() > before
        stage.bus.empty()
        await stage.heal()
    await assert_one_whole_history(stage.database)
