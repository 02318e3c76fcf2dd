"""Blobs: durable where asked for, checked on every way in, found where the cache lost them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from minuet.bus.memory import MemoryBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.model.canonical import digest
from minuet.model.errors import BusUnavailable, NotFound, Overloaded
from minuet.store.blobs import Blobs
from minuet.store.database import Database

pytestmark = pytest.mark.anyio
DATA = b'{"a":1}'


@pytest.fixture
async def blobs(database_url: str) -> AsyncIterator[Blobs]:
    async with Database(database_url) as database:
        yield Blobs(database)


async def test_what_is_put_durably_outlives_the_cache(blobs: Blobs) -> None:
    bus = MemoryBus()
    ref = await Cas(bus, blobs).put_durably("t", DATA)
    assert (ref.digest, ref.size_bytes) == (digest(DATA), len(DATA))
    await Cas(bus, blobs).put_durably("t", DATA)
    bus.flush()
    assert await Cas(bus, blobs).get("t", ref.digest) == DATA
    assert await bus.cas_get("t", ref.digest, ttl_s=1) == DATA


async def test_a_tenant_cannot_read_the_blob_of_another(blobs: Blobs) -> None:
    bus = MemoryBus()
    cas = DurableCas(Cas(bus, blobs))
    key = await cas.put("t", DATA)
    assert await cas.get("other", key) is None
    with pytest.raises(NotFound):
        await Cas(bus, blobs).get("other", key)


async def test_a_damaged_copy_in_the_cache_is_never_returned(blobs: Blobs) -> None:
    bus = MemoryBus()
    ref = await Cas(bus, blobs).put_durably("t", DATA)
    await bus.cas_put("t", ref.digest, b"{}", ttl_s=60)
    assert await Cas(bus, blobs).get("t", ref.digest) == DATA
    await bus.cas_put("u", ref.digest, b"{}", ttl_s=60)
    with pytest.raises(NotFound):
        await Cas(bus, blobs).get("u", ref.digest)


async def test_redis_away_is_no_obstacle_where_there_is_a_durable_store(blobs: Blobs) -> None:
    bus = MemoryBus()
    ref = await Cas(bus, blobs).put_durably("t", DATA)
    bus.fail_next("cas_get")
    bus.fail_next("cas_put")
    assert await Cas(bus, blobs).get("t", ref.digest) == DATA
    bus.fail_next("cas_get")
    with pytest.raises(BusUnavailable):
        await Cas(bus).get("t", ref.digest)


async def test_warming_fills_the_cache_again(blobs: Blobs) -> None:
    bus = MemoryBus()
    ref = await Cas(bus, blobs).put_durably("t", DATA)
    bus.flush()
    await DurableCas(Cas(bus, blobs)).warm("t", ref.digest)
    assert await bus.cas_get("t", ref.digest, ttl_s=1) == DATA


async def test_what_is_put_for_now_stands_in_redis_alone_unless_that_is_full(blobs: Blobs) -> None:
    bus = MemoryBus()
    cas = DurableCas(Cas(bus, blobs))
    key = await cas.put_for_now("t", DATA, ttl_s=60)
    assert await bus.cas_get("t", key, ttl_s=60) == DATA
    assert await blobs.get("t", key) is None
    bus.flush()
    bus.fail_next("cas_put", Overloaded("full"))
    bus.fail_next("cas_put", Overloaded("full"))
    assert await cas.put_for_now("t", DATA, ttl_s=60) == key
    assert await blobs.get("t", key) == DATA
