"""From an event's commit to 200 clients that watch the run.

Method: a fanout process of a whole suite; 200 sockets of this process watch one run; commits are
made by this process, one every 20 ms, each with one event. Latency is from just before the commit
is sent to Redis until a client has the decoded frame, so it includes the commit and this process's
own reading of 200 frames.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from minuet.bus.redis import RedisBus
from minuet.model.event import Event
from tests.suite import Suite
from tests.support.records import Owner, transition

from .conftest import Figures
from .processes import cpu_seconds

pytestmark = [pytest.mark.anyio, pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(300)]

CLIENTS = 200
EVENTS = 100
GAP_S = 0.02
P = 7_000  # a partition that no coordinator of the suite owns
DOCUMENT = {
    "apiVersion": "minuet/v1",
    "name": "idle",
    "nodes": [{"id": "a", "type": "wait", "config": {"for": "1h"}}],
}


async def watched_run(suite: Suite, api: httpx.AsyncClient) -> str:
    """A run of which nobody but this benchmark tells anything."""
    started = (await api.post("/runs", json={"document": DOCUMENT, "inputs": {}})).json()["id"]
    run = f"{P}-{started.split('-')[1]}"
    connection = await asyncpg.connect(suite.database_url)
    await connection.execute(
        "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, status, "
        "principal) select $1, tenant, $2, workflow, document_digest, ir_digest, 1, principal "
        "from runs where id = $3",
        run, P, started,
    )  # fmt: skip
    await connection.close()
    return run


async def watch(
    suite: Suite, api: httpx.AsyncClient, run: str, came_at: list[float], level: asyncio.Barrier
) -> None:
    ticket = (await api.post("/tickets")).json()
    url = f"{ticket['url']}/ws/runs/{run}?ticket={ticket['ticket']}"
    async with connect(url, compression=None, proxy=None) as socket:
        await socket.recv()
        await level.wait()
        while len(came_at) < EVENTS:
            if msgspec.json.decode(await socket.recv())["kind"] == "event":
                came_at.append(time.perf_counter())


async def test_event_to_client(tmp_path: Path, figures: Figures) -> None:
    with Suite(tmp_path / "data", env={"MINUET_LOG_LEVEL": "warning"}, fresh=True) as suite:
        headers = {"Authorization": f"Bearer {suite.api_key}"}
        bus = await RedisBus.connect(suite.redis_url)
        async with httpx.AsyncClient(base_url=f"{suite.url}/api/v1", headers=headers) as api:
            run = await watched_run(suite, api)
            owner, level = Owner(bus, P), asyncio.Barrier(CLIENTS + 1)
            came_at: list[list[float]] = [[] for _ in range(CLIENTS)]
            sent_at, prev = [], ""
            async with asyncio.TaskGroup() as group:
                for each in came_at:
                    group.create_task(watch(suite, api, run, each, level))
                await level.wait()
                cpu = cpu_seconds(suite.pid("fanout"))
                for seq in range(1, EVENTS + 1):
                    sent_at.append(time.perf_counter())
                    told = [Event("node.ready", "a", 1, {"attempt": seq})]
                    prev = await owner.commit(transition(run, seq=seq, prev=prev, events=told))
                    await asyncio.sleep(GAP_S)
            cpu = cpu_seconds(suite.pid("fanout")) - cpu
        await bus.close()
    delays = sorted(
        (came - sent) * 1000 for times in came_at for sent, came in zip(sent_at, times, strict=True)
    )
    figures.add("event to client, p50", statistics.median(delays), "ms", f"{CLIENTS} clients")
    figures.add("event to client, p99", delays[int(len(delays) * 0.99)], "ms")
    figures.add("event to client, fanout CPU", cpu / len(delays) * 1e6, "us/frame")
