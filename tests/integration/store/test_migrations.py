"""Migrations from nothing, from several processes at once, and over data."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from minuet.migrations.upgrade import upgrade
from minuet.store.database import Database

pytestmark = pytest.mark.anyio


async def test_four_processes_may_migrate_at_once(empty_database_url: str) -> None:
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(4)))
    async with Database(empty_database_url) as database:
        assert await database.partitions() == 8
        assert await database.check() is None
        assert await database.fetchval("select count(*) from alembic_version") == 1


async def test_a_filled_database_keeps_its_rows(database_url: str) -> None:
    async with Database(database_url) as database:
        await database.execute("update settings set value = '16'")
        await upgrade(database_url)
        assert await database.partitions() == 16


async def test_a_database_without_tables_is_not_ready_and_says_why(
    empty_database_url: str,
) -> None:
    async with Database(empty_database_url) as database:
        assert "minuet.migrations" in (await database.check() or "")


@pytest.mark.parametrize(
    "change",
    [
        "status = 10",
        "status = 6",  # ended without an instant
        "ended_at = now()",
        "counter = -1",
        "seq = -1",
        "fork = true",  # without a request
    ],
)
async def test_the_database_itself_refuses_impossible_runs(database_url: str, change: str) -> None:
    async with Database(database_url) as database:
        await database.execute(
            "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
            "principal) values ('0-a', 't', 0, 'w', '', '', 'p')"
        )
        with pytest.raises(asyncpg.CheckViolationError):
            await database.execute(f"update runs set {change}")
