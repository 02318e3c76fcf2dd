"""Redis loses everything, or its last moments: every run still ends, with one history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.model.canonical import canonical_json
from minuet.model.ir import Ir, IrNode
from minuet.model.token import Outcome, TaskToken
from minuet.services.orchestrator.reconciler import Reconciler
from minuet.services.recorder.recorder import Recorder
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from tests.unit.coordinator.harness import Bench, chain

pytestmark = pytest.mark.anyio

TENANT = "t"
RUNS = [f"{p}-r{i}" for p in range(2) for i in range(3)]


class Stage:
    """Coordinator and recorder over a memory bus, with a worker that stops before nodes of
    type `held` until `gate` opens."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.bench = Bench()
        self.bus = self.bench.bus
        self.cas = Cas(self.bus, Blobs(database))
        self.bench.blobs = self.cas  # type: ignore[assignment]  # the same `get`
        self.gate = asyncio.Event()
        self.reconciler = Reconciler(database, self.bus, DurableCas(self.cas))

    async def start(self, ir: Ir) -> None:
        ref = await self.cas.put_durably(
            TENANT, canonical_json(msgspec.json.decode(msgspec.json.encode(ir)))
        )
        for run in RUNS:
            await self.database.execute(
                "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
                "principal, inputs) values ($1, $2, $3, 'w', '', $4, 'key', '{}')",
                run, TENANT, int(run[0]), ref.digest,
            )  # fmt: skip
            await self.bench.start(run, ref.digest)

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        recorder = Recorder(self.database, self.bus, block_ms=20)
        recording = asyncio.create_task(recorder.run(stop))
        working = asyncio.create_task(self.bench.work(self.answer, ["noop"]))
        holding = asyncio.create_task(self._held_worker())
        async with self.bench.coordinator(2):
            yield
            working.cancel()
            holding.cancel()
            stop.set()
            await recording

    @staticmethod
    def answer(token: TaskToken) -> Outcome:
        return Outcome()

    async def _held_worker(self) -> None:
        await self.gate.wait()
        await self.bench.work(self.answer, ["held"])

    async def until(self, query: str, wanted: Any) -> None:
        async with asyncio.timeout(20):
            while await self.database.fetchval(query) != wanted:
                await asyncio.sleep(0.02)

    async def until_held(self) -> None:
        """Every run waits before the node that is held, and that is recorded."""
        await self.until("select count(distinct seq) = 1 and min(seq) >= 6 from runs", True)

    async def heal(self) -> None:
        """Tick until nothing is left to restore and every run has ended."""
        async with asyncio.timeout(20):
            while await self.database.fetchval("select count(*) from runs where status < 6"):
                await self.reconciler.tick()
                await asyncio.sleep(0.05)


def held_chain() -> Ir:
    """noop -> noop -> held -> noop"""
    plain = chain(4)
    nodes = [*plain.nodes[:2], IrNode(id="n2", type="held", effect="pure"), plain.nodes[3]]
    return Ir(workflow="held", nodes=nodes, edges=plain.edges)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with Database(database_url, max_size=6) as database:
        yield Stage(database)


async def assert_one_whole_history(database: Database) -> None:
    for run in RUNS:
        rows = await database.fetch(
            "select first_seq, last_seq, events from transitions where run_id = $1 "
            "order by first_seq",
            run,
        )
        ends = [0, *(row["last_seq"] for row in rows)]
        assert [row["first_seq"] for row in rows] == [end + 1 for end in ends[:-1]]
        assert sum(b'"run.ended"' in row["events"] for row in rows) == 1
    statuses = await database.fetch("select distinct status from runs")
    assert [row["status"] for row in statuses] == [6]


async def test_healthy_runs_are_left_alone(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        assert await stage.reconciler.sweep() == 0
        stage.gate.set()
        await stage.heal()
    await assert_one_whole_history(stage.database)


async def test_runs_survive_the_loss_of_everything_in_redis(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await stage.reconciler.tick()
        stage.bus.flush()
        stage.gate.set()
        await stage.reconciler.tick()  # the server is another one: no need to wait for the interval
        await stage.heal()
    await assert_one_whole_history(stage.database)


async def test_a_redis_that_went_back_is_brought_to_the_stored_history(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until("select min(seq) >= 2 from runs", True)
        earlier = stage.bus.snapshot()
        await stage.until_held()
        stage.bus.rewind(earlier)
        stage.gate.set()
        await stage.heal()
    await assert_one_whole_history(stage.database)
    assert await stage.database.fetchval("select count(*) from runs where fork") == 0


async def test_a_request_is_cleared_once_redis_stands_where_the_history_ends(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        await stage.database.execute("update runs set restore_requested = true, fork = true")
        await stage.reconciler.tick()
        asked = await stage.database.fetchval("select count(*) from runs where restore_requested")
        assert asked == 0
        stage.gate.set()
        await stage.heal()


async def test_an_ended_run_is_archived_again_and_its_history_left_alone(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        stage.gate.set()
        await stage.heal()
        told = await stage.database.fetch("select id, seq, last_commit from runs order by id")
        await stage.database.execute("update runs set restore_requested = true, fork = true")
        await stage.reconciler.tick()
        await stage.heal()
        asked = await stage.database.fetchval("select count(*) from runs where restore_requested")
        assert asked == 0
    assert await stage.database.fetch("select id, seq, last_commit from runs order by id") == told
    await assert_one_whole_history(stage.database)


async def test_only_one_reconciler_works_at_a_time(stage: Stage) -> None:
    await stage.start(held_chain())
    async with stage.playing():
        await stage.until_held()
        stage.bus.flush()
        async with stage.database.transaction() as c:
            await c.execute("select pg_advisory_xact_lock(x'7265636F6E63'::bigint)")
            await stage.reconciler.tick()
            assert await stage.bus.read_signals({0: "0-0", 1: "0-0"}, count=9, block_ms=0) == []
        stage.gate.set()
        await stage.heal()
    await assert_one_whole_history(stage.database)
