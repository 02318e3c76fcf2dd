"""Which tokens a worker has in hand, as the streams know it."""

from __future__ import annotations

from typing import Any

import redis

from minuet.bus.keys import Keys

from .owned import partitions

GROUP = "workers"
_KEYS = Keys()


def held_tokens(client: redis.Redis, pid: int) -> set[str]:
    """Ids of the tokens in pages that the worker with this pid took and has not ended."""
    found: set[str] = set()
    for p in partitions(client):
        types: Any = client.smembers(_KEYS.types(p))
        for type_ in types:
            found |= _held(client, _KEYS.tasks(p, type_), pid)
    return found


def _held(client: redis.Redis, stream: str, pid: int) -> set[str]:
    consumers: Any = client.xinfo_consumers(stream, GROUP)
    # A consumer's name is the worker's id: host, pid and something random.
    ours = [each["name"] for each in consumers if f"-{pid}-" in each["name"] and each["pending"]]
    found: set[str] = set()
    for consumer in ours:
        pending: Any = client.xpending_range(stream, GROUP, "-", "+", 1000, consumer)
        for each in pending:
            entries: Any = client.xrange(stream, each["message_id"], each["message_id"])
            found |= {name for _, fields in entries for name in fields if name != "d"}
    return found
