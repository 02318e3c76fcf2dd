"""What a worker's process makes of its settings."""

from __future__ import annotations

import asyncio

import pytest

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.settings import Settings
from minuet.worker.process import run_worker


class Enough(Exception):
    """Raised as soon as the nodes are asked for."""


def test_blobs_live_as_long_as_the_settings_say() -> None:
    settings = Settings.from_env(
        {"MINUET_REDIS_URL": "redis://127.0.0.1:1/0", "MINUET_BLOB_CACHE_TTL_S": "7200"}
    )
    given: list[int] = []

    def nodes(bus: RedisBus, blobs: Cas) -> list[object]:
        given.append(blobs.ttl_s)
        raise Enough

    with pytest.raises(Enough):
        asyncio.run(run_worker(nodes, settings, kind="test", env={}))  # type: ignore[arg-type]
    assert given == [7200]
