"""Recorder, coordinator and reconciler on real servers, the first two as processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from minuet.bus.api import Delivery, Done
from minuet.bus.keys import Keys
from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.embedded.valkey import ValkeyServer
from minuet.model.canonical import canonical_json
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.signal import Start
from minuet.services.orchestrator.reconciler import Reconciler
from minuet.services.up.ports import free_ports
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from tests.support.services import Service

pytestmark = pytest.mark.anyio

TENANT = "t"
RUN = "0-run"
TWO = Ir(
    workflow="two",
    nodes=[IrNode(id=id, type="slow", effect="pure") for id in ("a", "b")],
    edges=[IrEdge(0, 1)],
)
NAMES = ("recorder", "coordinator", "http_worker")


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """Not started yet."""
    server = ValkeyServer(tmp_path / "valkey")
    yield server
    await server.stop()


@pytest.fixture
def services(valkey: ValkeyServer, database_url: str, tmp_path: Path) -> Iterator[list[Service]]:
    env = {"MINUET_REDIS_URL": valkey.url, "MINUET_DATABASE_URL": database_url}
    with ExitStack() as stack:
        yield [
            stack.enter_context(Service(name, env, tmp_path, port))
            for name, port in zip(NAMES, free_ports(len(NAMES)), strict=True)
        ]


class Play:
    """What stands around the processes: an orchestrator's writes, a worker, and sweeps under a
    clock that the test moves."""

    def __init__(self, bus: RedisBus, database: Database) -> None:
        self.bus = bus
        self.database = database
        self.cas = Cas(bus, Blobs(database))
        self.now = 0.0
        self.reconciler = Reconciler(database, bus, DurableCas(self.cas), clock=lambda: self.now)

    async def start(self) -> None:
        await self.bus.publish_partitions(1)
        data = canonical_json(msgspec.json.decode(msgspec.json.encode(TWO)))
        ir = (await self.cas.put_durably(TENANT, data)).digest
        await self.database.execute(
            "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
            "principal, inputs) values ($1, $2, 0, 'two', '', $3, 'key', '{}')",
            RUN, TENANT, ir,
        )  # fmt: skip
        start = Start(
            run=RUN, tenant=TENANT, ir=ir, workflow="two", accepted_at=await self.bus.now()
        )
        await self.bus.send(0, [[("k", b"start"), ("s", msgspec.json.encode(start))]])

    async def take(self, block_ms: int = 10_000) -> list[Delivery]:
        return await self.bus.take({"slow": [0]}, "worker", count=9, block_ms=block_ms)

    async def complete(self, held: Delivery) -> None:
        results = [(token, b"{}") for token, _ in held.tokens]
        done = Done(held.p, held.type, held.id, results)
        assert await self.bus.complete([done]) == [True]

    async def sweep(self, at: float) -> None:
        self.now = at
        await self.reconciler.sweep()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(15):
            while not await holds():
                await asyncio.sleep(0.02)

    async def recorded(self, seq: int) -> bool:
        return bool(
            await self.database.fetchval("select seq >= $2 from runs where id = $1", RUN, seq)
        )

    async def ended(self) -> bool:
        return bool(await self.database.fetchval("select status = 6 from runs where id = $1", RUN))


@pytest.fixture
async def play(
    valkey: ValkeyServer, services: list[Service], database_url: str
) -> AsyncIterator[Play]:
    """Everything stands; node `a` was dispatched and that is recorded."""
    await valkey.start()
    bus = await RedisBus.connect(valkey.url)
    async with Database(database_url, max_size=3) as database:
        made = Play(bus, database)
        await made.start()
        await made.until(lambda: made.recorded(2))
        for service in services:
            await asyncio.to_thread(service.until_ready)
        yield made
    await bus.close()


async def test_services_wait_for_redis_and_say_so(
    valkey: ValkeyServer, services: list[Service]
) -> None:
    for service in services:
        await asyncio.to_thread(service.until_trouble, ".sock: [Errno 2]")
    await valkey.start()
    bus = await RedisBus.connect(valkey.url)
    await bus.publish_partitions(2)
    for service in services:
        await asyncio.to_thread(service.until_ready)
    await bus.close()


async def test_a_token_whose_entry_was_deleted_is_dispatched_again(play: Play) -> None:
    await play.sweep(0)
    stream = Keys().tasks(0, "slow")
    [[entry, _]] = await play.bus.ask(b"XRANGE", stream, b"-", b"+")
    assert await play.bus.ask(b"XDEL", stream, entry) == 1
    await play.sweep(30)
    assert await play.take(block_ms=0) == []
    await play.sweep(61)
    [first] = await play.take()
    assert [token for token, _ in first.tokens] == [f"{RUN}/a/1/1"]
    await play.complete(first)
    [second] = await play.take()
    await play.complete(second)
    await play.until(play.ended)


async def test_a_slow_node_is_executed_once(play: Play) -> None:
    [slow] = await play.take()
    for at in range(0, 2_000, 61):
        await play.sweep(at)
    assert await play.take(block_ms=0) == []
    await play.complete(slow)
    [second] = await play.take()
    await play.complete(second)
    await play.until(play.ended)
    assert await play.take(block_ms=0) == []


async def test_a_deleted_entry_in_a_workers_hands_is_left_to_the_worker(play: Play) -> None:
    [held] = await play.take()
    await play.bus.ask(b"XDEL", Keys().tasks(0, "slow"), held.id)
    for at in range(0, 2_000, 61):
        await play.sweep(at)
    assert await play.take(block_ms=0) == []
    await play.complete(held)
    [second] = await play.take()
    await play.complete(second)
    await play.until(play.ended)


async def test_a_run_survives_the_loss_of_redis(play: Play, valkey: ValkeyServer) -> None:
    await play.bus.ask(b"FLUSHALL")
    await play.bus.publish_partitions(1)
    async with asyncio.timeout(20):
        while not (pages := await play.take(block_ms=100)):
            play.now += 40
            await play.reconciler.tick()
    await play.complete(pages[0])
    [second] = await play.take()
    await play.complete(second)
    await play.until(play.ended)
    seqs = await play.database.fetch(
        "select first_seq, last_seq from transitions where run_id = $1 order by first_seq", RUN
    )
    assert [row["first_seq"] for row in seqs] == [1] + [row["last_seq"] + 1 for row in seqs[:-1]]
