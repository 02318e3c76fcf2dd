"""The embedded Postgres: settings, crash, stop, other versions' data."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from minuet.embedded import identity
from minuet.embedded.checks import database_faults
from minuet.embedded.errors import ServerError
from minuet.embedded.postgres import PostgresServer
from tests.support.waiting import is_running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(tmp_path / "a path with spaces")
    await server.start()
    yield server
    await server.stop()


async def fetch(server: PostgresServer, query: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_it_is_fit_for_use(server: PostgresServer) -> None:
    assert await database_faults(server.url) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ],
)
async def test_setting(server: PostgresServer, setting: str, value: str) -> None:
    assert await fetch(server, f"select current_setting('{setting}')") == value


async def test_letters_beyond_ascii_have_case(server: PostgresServer) -> None:
    assert await fetch(server, "select upper('zażółć')") == "ZAŻÓŁĆ"


async def test_committed_rows_survive_a_kill(server: PostgresServer) -> None:
    await fetch(server, "create table kept as select 7 as number")
    await server.kill()
    assert await server.wait() == -9
    await server.start()
    assert await fetch(server, "select number from kept") == 7


async def test_stop_is_clean_and_harmless_when_repeated(server: PostgresServer) -> None:
    pid = server.pid
    open_connection = await asyncpg.connect(server.url)
    await server.stop()
    await server.stop()
    open_connection.terminate()
    assert not is_running(pid)
    assert not (server._cluster / "postmaster.pid").exists()


async def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match="holds data of Postgres 17, this is 18"):
        await PostgresServer(tmp_path).start()


async def test_half_made_cluster_of_a_killed_start_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new" / "PG_VERSION").write_text("18\n")
    server = PostgresServer(tmp_path, durable=False)
    await server.start()
    assert await fetch(server, "select 1") == 1
    await server.stop()


async def test_without_namespaces_root_is_told_where_nobody_can_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*args: object, **kwargs: object) -> bool:
        return False

    monkeypatch.setattr(identity, "_succeeds", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ServerError, match=r"cannot reach .*MINUET_DATA_DIR"):
        await identity.server_identity(tmp_path, tmp_path)
