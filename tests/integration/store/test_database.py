"""The pool: typed values, and one error for everything that means "away"."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from minuet.embedded.postgres import PostgresServer
from minuet.model.errors import StoreUnavailable
from minuet.model.token import CasRef
from minuet.store.database import Database
from tests.support.records import accept

pytestmark = pytest.mark.anyio


async def test_json_columns_take_and_give_plain_values(database_url: str) -> None:
    async with Database(database_url) as database:
        value = await database.fetchval("select $1::jsonb", CasRef("sha256:x", 3))
        assert value == {"$cas": "sha256:x", "size_bytes": 3}
        assert await database.fetchval("select $1::jsonb[]", [None, {"a": [1]}]) == [
            None,
            {"a": [1]},
        ]


async def test_a_faulty_statement_is_not_taken_for_an_outage(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(asyncpg.UndefinedTableError):
            await database.fetch("select x from nowhere")


async def killed_in_a_transaction(database: Database, server: PostgresServer) -> None:
    async with database.transaction() as connection:
        await connection.execute("select 1")
        await server.kill()
        await connection.execute("select 1")


async def test_a_killed_server_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "data", durable=False)
    await server.start()
    try:
        async with Database(server.url) as database:
            assert await database.fetchval("select 1") == 1
            with pytest.raises(StoreUnavailable):
                await killed_in_a_transaction(database, server)
            with pytest.raises(StoreUnavailable):
                await database.fetch("select 1")
            await server.start()
            assert await database.fetchval("select 2") == 2
    finally:
        await server.stop()


async def test_a_closed_pool_is_unavailable(database_url: str) -> None:
    database = await Database(database_url).open()
    await database.close()
    await database.close()
    with pytest.raises(StoreUnavailable):
        await database.fetch("select 1")


async def test_a_plan_for_a_small_table_does_not_outlive_its_smallness(database_url: str) -> None:
    """Kept plans go on reading the whole table."""
    query = "select id, seq from runs where id = any($1::text[])"
    read_whole = "select seq_tup_read from pg_stat_xact_user_tables where relname = 'runs'"
    ids = [f"0-01kb9f3r1s8v6c2m4x7q{i:06}" for i in range(2_000)]
    async with (
        Database(database_url, plan_anew=True) as database,
        database.transaction() as c,
    ):
        await accept(database_url, *ids[:3])
        await c.execute("analyze runs")
        for _ in range(8):  # from the sixth time on a plan may be kept
            assert len(await c.fetch(query, ids[:3])) == 3
        await accept(database_url, *ids[3:])
        before = await c.fetchval(read_whole)
        assert len(await c.fetch(query, ids[-3:])) == 3
        assert await c.fetchval(read_whole) == before


async def test_a_connection_comes_back_without_a_transaction(database_url: str) -> None:
    async with Database(database_url, max_size=1) as database:
        async with database.connection() as c:
            await c.execute("begin")
            await c.execute("create table left_over (x int)")
        assert await database.fetchval("select to_regclass('left_over')") is None
