"""How many transitions a second the recorder stores, and what one costs in CPU.

Method: runs of twelve transitions, 100 of them in each commit, on an embedded Valkey and Postgres
(fsync off, as in all tests).
"""

from __future__ import annotations

import time

import pytest

from minuet.bus.redis import RedisBus
from minuet.embedded.postgres import PostgresServer
from minuet.model.event import Event
from minuet.services.recorder.recorder import Recorder
from minuet.store.database import Database
from tests.support.records import Owner, accept, ending, transition

from .conftest import Figures
from .processes import cpu_seconds

pytestmark = [pytest.mark.anyio, pytest.mark.bench, pytest.mark.serial]

RUNS = 2_000
A_COMMIT = 100
STEPS = 12


async def fill(owner: Owner, runs: list[str]) -> int:
    """The commits of `STEPS` transitions of each run; how many transitions."""
    for at in range(0, len(runs), A_COMMIT):
        part, prev = runs[at : at + A_COMMIT], ""
        for seq in range(1, 2 * STEPS - 1, 2):
            step = [
                Event("node.ended", f"step{seq}", 1, {"status": "succeeded", "port": "success",
                      "attempt": 1, "output": {"value": seq}, "started_at": 1, "ended_at": 2,
                      "worker": "worker-1"}),
                Event("node.ready", f"step{seq + 1}", 1, {"attempt": 1}),
            ]  # fmt: skip
            records = [transition(r, seq=seq + 1, prev=prev, events=step) for r in part]
            prev = await owner.commit(*records)
        last = 2 * STEPS - 1
        await owner.commit(*[ending(r, seq=last, prev=prev, outputs={"x": 1}) for r in part])
    return len(runs) * STEPS


async def test_recorder_throughput(
    database_url: str,
    valkey_url: str,
    key_prefix: str,
    postgres_server: PostgresServer,
    figures: Figures,
) -> None:
    runs = [f"0-01kb9f3r1s8v6c2m4x7q{i:06}" for i in range(RUNS)]
    await accept(database_url, *runs)
    bus = await RedisBus.connect(valkey_url, key_prefix)
    try:
        async with Database(database_url, max_size=2) as database:
            transitions = await fill(Owner(bus), runs)
            recorder = Recorder(database, bus, block_ms=1)
            own, servers, began = (
                time.process_time(),
                cpu_seconds(postgres_server.pid),
                time.monotonic(),
            )
            while await recorder.turn():
                pass
            seconds = time.monotonic() - began
            own, servers = time.process_time() - own, cpu_seconds(postgres_server.pid) - servers
            assert await database.fetchval("select count(*) from transitions") == transitions
    finally:
        await bus.close()
    micros = 1e6 / transitions
    figures.add("recorder: stored", transitions / seconds, "1/s", "transitions, fsync off")
    figures.add("recorder: CPU, recorder", own * micros, "us/transition")
    figures.add("recorder: CPU, postgres", servers * micros, "us/transition")
