"""One rig a bus: memory, Valkey and Redis run the same tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from minuet.bus.memory import MemoryBus

from .rig import Bus, Rig, memory_rig, server_rig


@pytest.fixture(params=["memory", "valkey", "redis"])
async def rig(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncIterator[Rig]:
    if request.param == "memory":
        yield memory_rig(MemoryBus())
        return
    from minuet.bus.redis import RedisBus

    url = request.getfixturevalue(f"{request.param}_url")
    prefix = request.getfixturevalue("key_prefix")
    client = Redis.from_url(url)
    bus = await RedisBus.connect(url, prefix)
    made = server_rig(request.param, bus, client, prefix)
    yield made
    await made.lose()
    await bus.close()
    await client.aclose()


@pytest.fixture
def bus(rig: Rig) -> Bus:
    return rig.bus
