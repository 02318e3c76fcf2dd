"""A recorder on a real Postgres, in front of the in-memory bus."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from minuet.bus.memory import MemoryBus
from minuet.services.recorder.recorder import Recorder
from minuet.store.database import Database
from tests.support.records import Owner


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, max_size=4) as database:
        yield database


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def owner(bus: MemoryBus) -> Owner:
    return Owner(bus)


@pytest.fixture
def recorder(database: Database, bus: MemoryBus) -> Recorder:
    return Recorder(database, bus, block_ms=0)
