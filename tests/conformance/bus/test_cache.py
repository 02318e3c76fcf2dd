"""The cache of content-addressed blobs."""

from __future__ import annotations

from .rig import Bus, Rig, eventually

DIGEST = "sha256:" + "ab" * 32


async def test_a_blob_that_is_not_there(bus: Bus) -> None:
    assert await bus.cas_get("t", DIGEST, ttl_s=60) is None


async def test_a_blob_comes_back_as_it_went_in(bus: Bus) -> None:
    data = bytes(range(256)) * 100
    await bus.cas_put("t", DIGEST, data, ttl_s=60)
    assert await bus.cas_get("t", DIGEST, ttl_s=60) == data
    await bus.cas_put("t", DIGEST, b"", ttl_s=60)
    assert await bus.cas_get("t", DIGEST, ttl_s=60) == b""


async def test_tenants_are_apart(bus: Bus) -> None:
    await bus.cas_put("t", DIGEST, b"1", ttl_s=60)
    assert await bus.cas_get("other", DIGEST, ttl_s=60) is None


async def _gone(bus: Bus, digest: str) -> bool:
    """Looking extends a blob's life by what is asked for: a second is the shortest there is."""
    return await bus.cas_get("t", digest, ttl_s=1) is None


async def test_a_blob_expires(rig: Rig) -> None:
    bus = rig.bus
    await bus.cas_put("t", DIGEST, b"1", ttl_s=1)
    await bus.cas_put("t", "sha256:read", b"1", ttl_s=1)
    await bus.cas_put("t", "sha256:put", b"1", ttl_s=1)
    put_at = await bus.now()
    assert await bus.cas_get("t", "sha256:read", ttl_s=60) == b"1"
    await bus.cas_put("t", "sha256:put", b"2", ttl_s=60)

    async def second_passed() -> bool:
        return await bus.now() > put_at + 1_050

    await eventually(second_passed)
    assert await _gone(bus, DIGEST)
    assert await bus.cas_get("t", "sha256:read", ttl_s=1) == b"1"
    assert await bus.cas_get("t", "sha256:put", ttl_s=1) == b"2"
