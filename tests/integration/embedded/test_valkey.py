"""The embedded Valkey: settings, crash, stop, leftovers."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from minuet.embedded.checks import redis_faults
from minuet.embedded.errors import ServerError
from minuet.embedded.leftover import pids_working_in
from minuet.embedded.runtime_dir import runtime_dir
from minuet.embedded.valkey import ValkeyServer
from tests.support.waiting import is_running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / 'a "quoted" path \\ with spaces')
    await server.start()
    yield server
    await server.stop()


async def write(server: ValkeyServer, key: str) -> None:
    async with Redis.from_url(server.url) as client:
        await client.set(key, "kept")


async def read(server: ValkeyServer, key: str) -> object:
    async with Redis.from_url(server.url) as client:
        return await client.get(key)


async def test_it_is_fit_for_use(server: ValkeyServer) -> None:
    assert await redis_faults(server.url) == []


async def test_its_socket_is_short_and_private(server: ValkeyServer) -> None:
    path = server.url.removeprefix("unix://")
    assert len(path) < 60
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


async def test_clean_stop_keeps_every_write_and_removes_the_socket(server: ValkeyServer) -> None:
    await write(server, "key")
    await server.stop()
    await server.stop()
    assert not Path(server.url.removeprefix("unix://")).parent.exists()
    await server.start()
    assert await read(server, "key") == b"kept"


async def test_kill_keeps_what_was_synced(server: ValkeyServer) -> None:
    async with Redis.from_url(server.url) as client:
        await client.set("key", "kept")
        await client.execute_command("WAITAOF", 1, 0, 5000)  # type: ignore[no-untyped-call]
    await server.kill()
    assert await server.wait() == -9
    await server.start()
    assert await read(server, "key") == b"kept"


async def test_leftover_on_the_same_data_is_ended_first(
    server: ValkeyServer, tmp_path: Path
) -> None:
    old_pid = server.pid
    await write(server, "key")
    successor = ValkeyServer(tmp_path / 'a "quoted" path \\ with spaces')
    await successor.start()
    try:
        assert not is_running(old_pid)
        assert await read(successor, "key") == b"kept"
    finally:
        await successor.stop()


async def test_a_server_that_cannot_start_points_to_its_log(tmp_path: Path) -> None:
    false = Path("/bin/false")
    with pytest.raises(ServerError, match=r"ended with code 1 at start: see .*server.log"):
        await ValkeyServer(tmp_path, binary=false).start()


async def test_foreign_runtime_folder_is_refused(tmp_path: Path) -> None:
    folder = runtime_dir(tmp_path)
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    try:
        with pytest.raises(ServerError, match="belongs to somebody else"):
            await ValkeyServer(tmp_path).start()
    finally:
        folder.rmdir()


async def test_cancelled_start_leaves_nothing_running(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    starting = asyncio.create_task(server.start())
    while not list(tmp_path.glob("valkey.conf")):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert pids_working_in(tmp_path) == []
