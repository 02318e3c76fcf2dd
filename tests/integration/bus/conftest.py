"""The two servers of the bus, and clients that look beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from minuet.bus.keys import Keys


@pytest.fixture(params=["valkey", "redis"])
def server_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def keys(key_prefix: str) -> Keys:
    return Keys(key_prefix)


@pytest.fixture
def client(server_url: str, key_prefix: str) -> Iterator[Redis]:
    """A plain client; what the test wrote is dropped after it."""
    made = Redis.from_url(server_url)
    yield made
    for key in made.scan_iter(match=f"{key_prefix}*", count=1000):
        made.unlink(key)
    made.close()
