"""The shared fixtures give what they promise."""

from __future__ import annotations

import asyncpg
from redis.asyncio import Redis


async def test_valkey_and_redis_are_what_they_say(valkey_url: str, redis_url: str) -> None:
    async with Redis.from_url(valkey_url) as valkey, Redis.from_url(redis_url) as redis:
        assert str((await valkey.info("server"))["valkey_version"]).startswith("9.1")
        info = await redis.info("server")
    assert "valkey_version" not in info
    assert str(info["redis_version"]).startswith("8.2")


async def test_database_is_migrated_and_each_test_has_its_own(
    database_url: str, empty_database_url: str
) -> None:
    assert database_url != empty_database_url
    assert await table_count(empty_database_url) == 0
    assert await table_count(database_url) > 0


async def table_count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        query = "select count(*) from pg_tables where schemaname = 'public'"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
