"""One database and one key prefix a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from minuet.bus.redis import RedisBus
from minuet.store.database import Database

from .rig import Rig


@pytest.fixture
async def rig(database_url: str, valkey_url: str, key_prefix: str) -> AsyncIterator[Rig]:
    bus = await RedisBus.connect(valkey_url, key_prefix)
    async with Database(database_url) as db:
        yield Rig(db, bus, database_url)
    await bus.close()
