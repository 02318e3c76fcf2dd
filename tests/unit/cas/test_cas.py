"""What a store that cannot be asked might have is not missing."""

from __future__ import annotations

import pytest

from minuet.bus.memory import MemoryBus
from minuet.cas.cas import Cas
from minuet.model.errors import BusUnavailable, NotFound

pytestmark = pytest.mark.anyio
DATA = b'{"a":1}'


class NoBlobs:
    """A durable store that has none yet."""

    async def get(self, tenant: str, digest: str) -> bytes | None:
        return None

    async def put(self, tenant: str, digest: str, data: bytes) -> None:
        raise NotImplementedError


async def test_a_blob_in_redis_alone_is_not_lost_while_redis_is_away() -> None:
    bus = MemoryBus()
    ref = await Cas(bus).put("t", DATA)
    bus.fail_next("cas_get")
    with pytest.raises(BusUnavailable):
        await Cas(bus, NoBlobs()).get("t", ref.digest)
    assert await Cas(bus, NoBlobs()).get("t", ref.digest) == DATA


async def test_what_no_store_has_is_missing() -> None:
    with pytest.raises(NotFound):
        await Cas(MemoryBus(), NoBlobs()).get("t", "sha256:none")
