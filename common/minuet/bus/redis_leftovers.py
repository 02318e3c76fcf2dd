"""Leftovers on Redis."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from .codes import BusFault
from .redis_core import RedisCore
from .wire import Argument

KEYS_A_CALL: Final = 1_000
CANCELLED_MS: Final = 3_600_000
_GLOB: Final = re.compile(r"([\\*?\[\]])")


class RedisLeftovers(RedisCore):
    async def held_runs(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, list[str]]]:
        prefix = self._keys.run(0, "").partition("{0}")[0]
        literal = _GLOB.sub(r"\\\1", prefix)
        named = re.compile(re.escape(prefix) + r"\{(\d+)\}:(?:run|out):(.+)")
        for p in await self._one_of_each_server(partitions):
            cursor = b"0"
            while True:
                # The second goes where the partition lies, and takes the first along.
                (cursor, keys), _ = await self._redis.call_many(
                    [
                        (b"SCAN", cursor, b"MATCH", f"{literal}{{*}}:*:*", b"COUNT", KEYS_A_CALL),
                        (b"EXISTS", self._keys.lease(p)),
                    ]
                )
                found: defaultdict[int, dict[str, None]] = defaultdict(dict)
                for key in keys:
                    match = named.fullmatch(key.decode())
                    if match and int(match[1]) in partitions:
                        found[int(match[1])][match[2]] = None
                for of, runs in found.items():
                    yield of, list(runs)
                if int(cursor) == 0:
                    break

    async def _one_of_each_server(self, partitions: Collection[int]) -> list[int]:
        calls: list[tuple[Argument, ...]] = []
        for p in partitions:
            calls += [(b"CLUSTER", b"MYID"), (b"EXISTS", self._keys.lease(p))]
        try:
            replies = await self._redis.call_many(calls)
        except BusFault:  # no cluster
            return list(partitions)[:1]
        return list(dict(zip(replies[::2], partitions, strict=True)).values())

    async def unpurged(self, p: int, runs: Sequence[str]) -> list[bool]:
        calls: list[tuple[Argument, ...]] = []
        for run in runs:
            calls += [
                (b"HEXISTS", self._keys.run(p, run), b"meta"),
                (b"EXISTS", self._keys.out(p, run)),
            ]
        replies = await self._redis.call_many(calls)
        return [bool(meta or out) for meta, out in zip(replies[::2], replies[1::2], strict=True)]

    async def cancelled_before(self, p: int, before: int, *, limit: int) -> list[str]:
        key = self._keys.cancelled(p)
        old = before - CANCELLED_MS
        _, tokens = await self._redis.call_many(
            [
                (b"ZREMRANGEBYSCORE", key, b"-inf", old),
                (b"ZRANGEBYSCORE", key, b"-inf", before, b"LIMIT", 0, limit),
            ]
        )
        return [token.decode() for token in tokens]

    async def forget_cancelled(self, p: int, tokens: Sequence[str]) -> None:
        if tokens:
            await self._redis.call(b"ZREM", self._keys.cancelled(p), *tokens)

    async def drop_consumers(self, p: int, *, min_idle_ms: int) -> int:
        types = await self._redis.call(b"SMEMBERS", self._keys.types(p))
        dropped = 0
        for type in types:
            keys = (self._keys.tasks(p, type.decode()),)
            dropped += int(await self._redis.fcall("drop_consumers", keys, (min_idle_ms,)))
        return dropped

    async def trim_live(self, through: Mapping[int, str]) -> None:
        calls: list[tuple[Argument, ...]] = []
        for p, id in through.items():
            ms, n = id.split("-")
            calls.append((b"XTRIM", self._keys.live(p), b"MINID", f"{ms}-{int(n) + 1}"))
        await self._redis.call_many(calls)

    async def oldest_events(self, partitions: Collection[int]) -> dict[int, int]:
        replies = await self._redis.call_many(
            [(b"XRANGE", self._keys.events(p), b"-", b"+", b"COUNT", 1) for p in partitions]
        )
        return {
            p: int(entries[0][0].split(b"-")[0])
            for p, entries in zip(partitions, replies, strict=True)
            if entries
        }

    async def renew_blobs(self, blobs: Sequence[tuple[str, str]], *, ttl_s: int) -> list[bool]:
        calls: list[tuple[Argument, ...]] = []
        for blob in blobs:
            key = self._keys.cas(*blob)
            calls += [(b"EXPIRE", key, ttl_s, b"GT"), (b"EXISTS", key)]
        replies = await self._redis.call_many(calls)
        return [bool(there) for there in replies[1::2]]

    async def fade_blobs(self, blobs: Sequence[tuple[str, str]], *, ttl_s: int) -> None:
        await self._redis.call_many(
            [(b"EXPIRE", self._keys.cas(*blob), ttl_s, b"LT") for blob in blobs]
        )
