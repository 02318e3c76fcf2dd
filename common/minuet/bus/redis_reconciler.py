"""What the reconciler looks at on Redis, beside what it shares with others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from .api import DELIVERIES, SignalSpan, StaleRuns
from .codes import BusFault
from .redis_core import RedisCore
from .task_calls import GROUP
from .timers import timers_of
from .wire import Argument

ENTRIES_A_CALL: Final = 100
TIMERS_A_CALL: Final = 1_000
STALE_S: Final = 3600


class RedisReconciler(RedisCore):
    async def vouchers(self, partitions: int) -> list[str | None]:
        texts = await self._redis.call_many(
            [(b"GET", self._keys.voucher(p)) for p in range(partitions)]
        )
        return [text and text.decode() for text in texts]

    async def vouch(self, p: int, *, before: str | None, after: str) -> bool:
        keys, args = (self._keys.voucher(p),), (before or "", after)
        return int(await self._redis.fcall("vouch", keys, args)) == 1

    async def note_stale(self, p: int, stale: StaleRuns) -> None:
        text = msgspec.json.encode(stale)
        await self._redis.call(b"SET", self._keys.stale(p), text, b"EX", STALE_S)

    async def withdraw(self, p: int, runs: Collection[str]) -> int:
        types = await self._redis.call(b"SMEMBERS", self._keys.types(p))
        return sum([await self._withdraw(p, type.decode(), runs) for type in types])

    async def _withdraw(self, p: int, type: str, runs: Collection[str]) -> int:
        keys = (self._keys.tasks(p, type), self._keys.splits(p))
        taken, after = 0, b"-"
        while page := await self._redis.call(
            b"XRANGE", keys[0], after, b"+", b"COUNT", ENTRIES_A_CALL
        ):
            after = b"(" + page[-1][0]
            found = [(id, _runs_of(flat) & set(runs)) for id, flat in page]
            ids = [id for id, unwanted in found if unwanted]
            if ids:
                unwanted = set().union(*(some for _, some in found))
                args = (type, len(ids), len(unwanted), *ids, *sorted(unwanted))
                taken += int(await self._redis.fcall("withdraw", keys, args))
        return taken

    async def drop_timers(self, p: int, runs: Collection[str]) -> int:
        key, cursor, dropped = self._keys.timers(p), b"0", 0
        while True:
            cursor, flat = await self._redis.call(b"ZSCAN", key, cursor, b"COUNT", TIMERS_A_CALL)
            if found := timers_of(runs, (member.decode() for member in flat[::2])):
                dropped += int(await self._redis.call(b"ZREM", key, *found))
            if int(cursor) == 0:
                return dropped

    async def signal_span(self, p: int) -> SignalSpan:
        newest, cursor = await self._redis.call_many(
            [
                (b"XREVRANGE", self._keys.signals(p), b"+", b"-", b"COUNT", 1),
                (b"HGET", self._keys.lease(p), b"cursor"),
            ]
        )
        at = (cursor or b"0-0").decode()
        return SignalSpan(at, newest[0][0].decode() if newest else at)

    async def task_tokens(self, p: int, type: str, *, limit: int) -> set[str] | None:
        stream = self._keys.tasks(p, type)
        if await self._redis.call(b"XLEN", stream) > limit:
            return None
        ids: set[bytes] = set()
        tokens: set[str] = set()
        after = b"-"
        # Upwards: a token that moves meanwhile moves to a newer entry.
        while page := await self._redis.call(
            b"XRANGE", stream, after, b"+", b"COUNT", ENTRIES_A_CALL
        ):
            ids.update(id for id, _ in page)
            tokens.update(name.decode() for _, flat in page for name in flat[::2])
            if len(ids) > limit or len(page) < ENTRIES_A_CALL:
                break
            after = b"(" + page[-1][0]
        if len(ids) > limit or await self._has_hollow(stream, ids, limit):
            return None
        return tokens - {DELIVERIES}

    async def _has_hollow(self, stream: str, ids: set[bytes], limit: int) -> bool:
        """Whether a worker holds an entry that was deleted under it: it may be at work on tokens
        that nobody else can name. `ids` are the entries that have a content."""
        try:
            held = await self._redis.call(*_pending(stream, b"-", b"+", limit + 1))
        except BusFault as exc:
            if str(exc).startswith("NOGROUP"):
                return False  # no worker ever came
            raise
        unknown = [row[0] for row in held if row[0] not in ids]
        contents = await self._redis.call_many([(b"XRANGE", stream, id, id) for id in unknown])
        # What has a content came after the reading. What lacks one may just have been finished.
        hollow = [id for id, content in zip(unknown, contents, strict=True) if not content]
        still = await self._redis.call_many([_pending(stream, id, id, 1) for id in hollow])
        return any(still)


def _runs_of(flat: list[bytes]) -> set[str]:
    return {name.decode().split("/", 1)[0] for name in flat[::2]}


def _pending(stream: str, first: bytes, last: bytes, count: int) -> tuple[Argument, ...]:
    return b"XPENDING", stream, GROUP, first, last, count
