"""What of a partition only its owner may change, read past everybody."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import redis

from minuet.bus.keys import Keys

SETTLE_S = 1.0
_KEYS = Keys()


class Leased(NamedTuple):
    """`left_ms`: how long the lease holds yet."""

    owner: str
    commit: int
    left_ms: int


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def partitions(client: redis.Redis) -> range:
    return range(int(client.get(_KEYS.partitions) or 0))


def server_ms(client: redis.Redis) -> int:
    seconds, micros = client.time()
    return int(seconds * 1000 + micros // 1000)


def leases(client: redis.Redis) -> dict[int, Leased]:
    """Of the partitions that somebody owns or owned last without giving them back."""
    now = server_ms(client)
    found = {}
    for p in partitions(client):
        held: Any = client.hgetall(_KEYS.lease(p))
        if "owner" in held:
            left = int(held["expires_at"]) - now
            found[p] = Leased(held["owner"], int(held["commit"]), left)
    return found


def owned_state(client: redis.Redis, of: list[int]) -> dict[str, Any]:
    """Runs, their outputs, timers, the last commit and its event, of these partitions."""
    wanted = tuple(prefix for p in of for prefix in (_KEYS.run(p, ""), _KEYS.out(p, "")))
    keys = [key for key in client.scan_iter(match="{*", count=5000) if key.startswith(wanted)]
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hgetall(key)
    found: dict[str, Any] = dict(zip(keys, pipe.execute(), strict=True))
    for p in of:
        timers: Any = client.zrange(_KEYS.timers(p), 0, -1, withscores=True)
        found[_KEYS.timers(p)] = dict(timers)
        found[_KEYS.lease(p)] = client.hmget(_KEYS.lease(p), "owner", "commit", "cursor")
        found[_KEYS.events(p)] = _last_entry(client, _KEYS.events(p))
    return found


def changes(before: dict[str, Any], after: dict[str, Any], now_ms: float) -> list[str]:
    """Keys that differ. Timers that are due by `now_ms` may have gone: the server judges them by
    its own clock and makes them signals, whoever asks for it."""
    timers = [key for key in before if key.endswith(":timers")]
    for key in timers:
        gone = before[key].keys() - after[key].keys()
        before[key] = {m: at for m, at in before[key].items() if m not in gone or at > now_ms}
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def settled_state(client: redis.Redis, of: list[int]) -> dict[str, Any]:
    """`owned_state` once two looks show the same: what was on its way when the owners were frozen
    has arrived. Raises AssertionError if it goes on changing."""
    deadline = time.monotonic() + SETTLE_S
    last = owned_state(client, of)
    while time.monotonic() < deadline:
        last, before = owned_state(client, of), last
        if last == before:
            return last
    raise AssertionError("the state of frozen owners goes on changing")


def _last_entry(client: redis.Redis, stream: str) -> str:
    """The id that was given last, whether the entry is still there or not."""
    if not client.exists(stream):
        return ""
    return str(client.xinfo_stream(stream)["last-generated-id"])
