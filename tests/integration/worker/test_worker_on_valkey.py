"""Workers on a real server: in this process over the Redis bus, and as processes of their own."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from minuet.bus.api import Commit, Page
from minuet.bus.redis import RedisBus
from minuet.bus.thread import ThreadBus
from minuet.cas.cas import Cas
from minuet.model.canonical import digest
from minuet.model.token import Outcome, TaskToken, TokenId, idempotency_key
from minuet.worker import Context, node
from minuet.worker.options import WorkerOptions
from minuet.worker.registry import NodeSpec, spec_of
from minuet.worker.runtime import Worker
from minuet.worker.secrets import Secrets

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "lead_nodes.py"
PARTITIONS = 2


class Server:
    """A coordinator's hands: emits tokens over all partitions and reads what comes back."""

    def __init__(self, bus: RedisBus, url: str, prefix: str) -> None:
        self.bus, self.url, self.prefix = bus, url, prefix
        self.outcomes: dict[str, Outcome] = {}
        self._numbers = itertools.count(1)
        self._commits = dict.fromkeys(range(PARTITIONS), 0)
        self._cursors = dict.fromkeys(range(PARTITIONS), "0-0")

    async def open(self) -> None:
        await self.bus.publish_partitions(PARTITIONS)
        for p in range(PARTITIONS):
            lease = await self.bus.acquire(p, f"owner{p}", 600_000)
            assert lease is not None
            self._commits[p] = lease.commit

    def token(self, type: str, config: Any, p: int = 0, **fields: Any) -> tuple[str, bytes]:
        run = f"{p}-run{next(self._numbers):05}"
        token = TaskToken(
            run=run, tenant="acme", node="n", type=type, gen=1, attempt=1,
            config=msgspec.Raw(msgspec.json.encode(config)),
            idempotency_key=idempotency_key(run, "n", 1), **{"timeout_ms": 10_000, **fields},
        )  # fmt: skip
        return str(TokenId(run, "n", 1, 1)), msgspec.json.encode(token)

    async def emit(
        self, type: str, *pages: Sequence[tuple[str, bytes]], p: int = 0,
        cancelled: Sequence[str] = (),
    ) -> None:  # fmt: skip
        commit = Commit(
            p=p, owner=f"owner{p}", number=self._commits[p], cursor=self._cursors[p],
            pages=[Page(type, list(page)) for page in pages], cancelled=list(cancelled),
        )  # fmt: skip
        await self.bus.commit(commit)
        self._commits[p] += 1

    async def collect(self, count: int, timeout_s: float = 20.0) -> dict[str, Outcome]:
        async with asyncio.timeout(timeout_s):
            while len(self.outcomes) < count:
                for e in await self.bus.read_signals(self._cursors, count=100, block_ms=200):
                    self._cursors[e.p] = e.id
                    self.outcomes |= {
                        name: msgspec.json.decode(raw, type=Outcome)
                        for name, raw in e.fields
                        if name != "k"
                    }
        return self.outcomes


@pytest.fixture
async def server(valkey_url: str, key_prefix: str) -> AsyncIterator[Server]:
    bus = await RedisBus.connect(valkey_url, key_prefix)
    made = Server(bus, valkey_url, key_prefix)
    await made.open()
    yield made
    await bus.close()


class Running:
    """A worker in this process on connections of its own."""

    def __init__(self, server: Server, *functions: Any, **options: Any) -> None:
        self._server = server
        self._specs: list[NodeSpec] = [spec for f in functions if (spec := spec_of(f))]
        self._options = WorkerOptions(**{"slots": 4, "block_ms": 100, "watch_s": 0.05, **options})

    async def __aenter__(self) -> Worker:
        self._bus = await RedisBus.connect(self._server.url, self._server.prefix)
        self._thread_bus = ThreadBus(self._server.url, self._server.prefix)
        self._worker = Worker(
            self._specs, bus=self._bus, thread_bus=self._thread_bus, blobs=Cas(self._bus),
            secrets=Secrets({}), options=self._options,
        )  # fmt: skip
        self._task = asyncio.create_task(self._worker.run())
        await self._worker.ready.wait()
        return self._worker

    async def __aexit__(self, *exc: object) -> None:
        self._worker.stop()
        await self._task
        self._thread_bus.close()
        await self._bus.close()


@node("number", effect="pure")
async def number(n: int) -> int:
    return n


async def test_tokens_of_all_partitions_run_once(server: Server) -> None:
    expected: dict[str, int] = {}
    for p in range(PARTITIONS):
        pages = [[server.token("number", {"n": n}, p) for n in range(32)] for _ in range(10)]
        expected |= {token_id: n for page in pages for n, (token_id, _) in enumerate(page)}
        await server.emit("number", *pages, p=p)
    async with Running(server, number):
        outcomes = await server.collect(len(expected))
    assert {i: msgspec.json.decode(o.output) for i, o in outcomes.items()} == expected


async def test_slow_pages_are_split_on_the_server(server: Server) -> None:
    release = asyncio.Event()

    @node("halting", effect="pure")
    async def halting(n: int) -> int:
        if n == 1:
            await release.wait()
        return n

    page = [server.token("halting", {"n": n}) for n in range(5)]
    await server.emit("halting", page)
    async with Running(server, halting):
        outcomes = await server.collect(4)
        assert page[1][0] not in outcomes
        release.set()
        await server.collect(5)


async def test_a_stuck_loop_keeps_its_entry_and_ends_on_timeout(server: Server) -> None:
    import time

    @node("blocking", effect="once")
    async def blocking() -> None:
        time.sleep(1.0)

    token_id, raw = server.token("blocking", {}, timeout_ms=100)
    await server.emit("blocking", [(token_id, raw)])
    async with Running(server, blocking, grace_s=0.2, heartbeat_ms=100, lease_ms=400):
        outcome = (await server.collect(1))[token_id]
    assert outcome.port == "timeout"


async def test_running_tokens_learn_that_they_are_cancelled(server: Server) -> None:
    started = asyncio.Event()

    @node("waiting", effect="pure")
    async def waiting(ctx: Context) -> None:
        started.set()
        await ctx.wait_cancelled()

    token_id, raw = server.token("waiting", {})
    await server.emit("waiting", [(token_id, raw)])
    async with Running(server, waiting):
        await started.wait()
        await server.emit("waiting", cancelled=[token_id])
        outcome = (await server.collect(1))[token_id]
    assert outcome.failure is not None
    assert outcome.failure.code == "cancelled"


async def test_entries_of_a_vanished_worker_are_claimed(server: Server) -> None:
    page = [server.token("number", {"n": n}) for n in range(3)]
    await server.emit("number", page)
    assert await server.bus.take({"number": [0]}, "vanished", count=1, block_ms=0)
    async with Running(server, number, lease_ms=300, heartbeat_ms=50):
        outcomes = await server.collect(3)
    assert {o.port for o in outcomes.values()} == {"success"}


async def test_large_outputs_are_in_the_store(server: Server) -> None:
    @node("bulky", effect="pure")
    def bulky() -> dict[str, Any]:
        return {"body": "x" * 100_000, "score": 7}

    token_id, raw = server.token("bulky", {}, returns=["output.score"])
    await server.emit("bulky", [(token_id, raw)])
    async with Running(server, bulky):
        outcome = (await server.collect(1))[token_id]
    assert outcome.output_ref is not None
    assert outcome.values == {"output.score": 7}
    stored = await server.bus.cas_get("acme", outcome.output_ref.digest, ttl_s=60)
    assert stored is not None
    assert digest(stored) == outcome.output_ref.digest


def process(server: Server, *command: str) -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MINUET_")}
    env |= {"MINUET_REDIS_URL": server.url, "MINUET_KEY_PREFIX": server.prefix}
    return subprocess.Popen(
        [sys.executable, "-m", *command], env=env, cwd=ROOT, stderr=subprocess.PIPE
    )


async def ended(child: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, stderr = await asyncio.to_thread(child.communicate, None, 15)
    return child.returncode, stderr.decode()


async def test_a_module_is_served_and_sigterm_drains(server: Server) -> None:
    rows = {"rows": ["a"] * 10, "pause_s": 0.1}
    slow_id, raw = server.token("import_rows", rows)
    quick = server.token("score_lead", {"company": "Acme", "employees": 900})
    await server.emit("import_rows", [(slow_id, raw)])
    await server.emit("score_lead", [quick])
    child = process(server, "minuet.worker", str(EXAMPLE), "--slots", "3")
    try:
        outcome = (await server.collect(1))[quick[0]]
        assert outcome.port == "hot"
        child.send_signal(signal.SIGTERM)
        outcome = (await server.collect(2))[slow_id]
        assert msgspec.json.decode(outcome.output) == {"imported": 10}
        code, log = await ended(child)
        assert code == 0, log
    finally:
        child.kill()
        await ended(child)
    assert await server.bus.workers() == []


async def test_a_module_that_cannot_be_served_is_one_line_and_exit_1(server: Server) -> None:
    code, log = await ended(process(server, "minuet.worker", "no_such_module"))
    assert code == 1
    assert "no_such_module" in log.splitlines()[-1]
    assert "Traceback" not in log


async def test_the_http_worker_registers_and_stops(server: Server) -> None:
    child = process(server, "minuet.services.http_worker")
    try:
        async with asyncio.timeout(20):
            while not (workers := await server.bus.workers()):
                await asyncio.sleep(0.05)
        assert {kind.name for kind in workers[0].types} == {"http", "transform"}
        value = server.token("transform", {"value": "${1 + 1}"})
        await server.emit("transform", [value])
        assert msgspec.json.decode((await server.collect(1))[value[0]].output) == 2
        child.terminate()
        code, log = await ended(child)
        assert code == 0, log
    finally:
        child.kill()
        await ended(child)
