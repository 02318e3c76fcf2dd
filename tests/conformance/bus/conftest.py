"""One rig a bus: memory, Valkey, Redis and a cluster run the same tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from minuet.bus.address import Address
from minuet.bus.memory import MemoryBus

from .rig import Bus, Rig, cluster_rig, memory_rig, server_rig


@pytest.fixture(params=["memory", "valkey", "redis", "cluster"])
async def rig(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncIterator[Rig]:
    if request.param == "memory":
        yield memory_rig(MemoryBus())
        return
    if request.param == "cluster":
        async for made in _on_cluster(request):
            yield made
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


async def _on_cluster(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    from minuet.bus.cluster import ClusterBus

    url = request.getfixturevalue("cluster_url")
    prefix = request.getfixturevalue("key_prefix")
    host, port = Address.parse(url).seeds[0]
    client = RedisCluster(host, port)
    bus = await ClusterBus.connect(url, prefix)
    made = cluster_rig(bus, client, prefix)
    yield made
    await made.lose()
    await bus.close()
    await client.aclose()


@pytest.fixture
def bus(rig: Rig) -> Bus:
    return rig.bus
