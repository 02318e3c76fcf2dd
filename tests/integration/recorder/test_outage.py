"""Postgres is killed under a recorder that works; nothing is lost and nothing is stored twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from minuet.bus.memory import MemoryBus
from minuet.embedded.postgres import PostgresServer
from minuet.migrations.upgrade import upgrade
from minuet.services.recorder.recorder import Recorder
from minuet.store.database import Database
from tests.support.records import Owner, accept, run_named, transition

pytestmark = pytest.mark.anyio


async def test_the_recorder_outlives_postgres(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "data")
    await server.start()
    try:
        await upgrade(server.url)
        await _record_through_a_kill(server)
    finally:
        await server.stop()


async def _record_through_a_kill(server: PostgresServer) -> None:
    runs = [run_named(f"r{i}") for i in range(50)]
    await accept(server.url, *runs)
    bus = MemoryBus()
    owner = Owner(bus)
    stop = asyncio.Event()
    async with Database(server.url, max_size=2) as database:
        recorder = Recorder(database, bus, block_ms=5)
        recording = asyncio.create_task(recorder.run(stop))
        prev = ""
        async with asyncio.timeout(30):
            for seq in range(1, 61):
                prev = await owner.commit(*[transition(r, seq=seq, prev=prev) for r in runs])
                if seq == 30:
                    await server.kill()
                    while not (recorder.trouble or "").startswith("store_unavailable"):
                        assert not recording.done(), recording.exception()
                        await asyncio.sleep(0.01)
            await server.start()
            while await bus.read_events({0: "0-0"}, count=1, block_ms=0):
                await asyncio.sleep(0.02)
        stop.set()
        await recording
        assert recorder.trouble is None
        assert await database.fetchval("select count(*) from transitions") == 60 * 50
        whole = "select count(*) from runs where seq = 60 and not restore_requested"
        assert await database.fetchval(whole) == 50
