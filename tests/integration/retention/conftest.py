"""Retention on a real Postgres and a real Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from minuet.bus.redis import RedisBus
from minuet.store.database import Database


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, max_size=6) as database:
        yield database


@pytest.fixture
async def bus(valkey_url: str, key_prefix: str) -> AsyncIterator[RedisBus]:
    connected = await RedisBus.connect(valkey_url, key_prefix)
    yield connected
    await connected.close()
