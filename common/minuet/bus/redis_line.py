"""Where tokens stand in a task stream on Redis: in line, or in a worker's hands."""

from __future__ import annotations

from typing import Final

from .api import DELIVERIES, TaskLine
from .codes import BusFault
from .redis_core import RedisCore
from .task_calls import GROUP, mark
from .wire import Reply

ENTRIES_A_CALL: Final = 100


class RedisLine(RedisCore):
    async def task_line(self, p: int, type: str, *, limit: int) -> TaskLine:
        stream = self._keys.tasks(p, type)
        # First those in line: a token that is taken meanwhile is found in a hand.
        waiting, is_whole = await self._in_line(stream, limit)
        return TaskLine(waiting, await self._in_hand(p, type, stream, limit), is_whole)

    async def is_owned(self, p: int) -> bool:
        (seconds, micros), (owner, expires_at) = await self._redis.call_many(
            [(b"TIME",), (b"HMGET", self._keys.lease(p), b"owner", b"expires_at")]
        )
        now = int(seconds) * 1000 + int(micros) // 1000
        return bool(owner) and int(expires_at or 0) > now

    async def _in_line(self, stream: str, limit: int) -> tuple[list[str], bool]:
        after = b"(" + await self._delivered(stream)
        tokens: list[str] = []
        for _ in range(0, limit, ENTRIES_A_CALL):
            page = await self._redis.call(b"XRANGE", stream, after, b"+", b"COUNT", ENTRIES_A_CALL)
            for _, flat in page:
                tokens += _names(flat)
            if len(page) < ENTRIES_A_CALL:
                return tokens, True
            after = b"(" + page[-1][0]
        return tokens, False

    async def _delivered(self, stream: str) -> bytes:
        """The last entry that some worker took."""
        try:
            groups = await self._redis.call(b"XINFO", b"GROUPS", stream)
        except BusFault as exc:
            if "no such key" in str(exc):
                return b"0-0"
            raise
        for group in groups:
            fields = dict(zip(group[::2], group[1::2], strict=True))
            if fields[b"name"] == GROUP:
                delivered: bytes = fields[b"last-delivered-id"]
                return delivered
        return b"0-0"

    async def _in_hand(self, p: int, type: str, stream: str, limit: int) -> dict[str, str]:
        try:
            held = await self._redis.call(b"XPENDING", stream, GROUP, b"-", b"+", limit)
        except BusFault as exc:
            if str(exc).startswith("NOGROUP"):
                return {}  # no worker ever came
            raise
        if not held:
            return {}
        marks = [mark(type, row[0].decode()) for row in held]
        in_hand = await self._redis.call(b"HMGET", self._keys.splits(p), *marks)
        contents = await self._redis.call_many([(b"XRANGE", stream, r[0], r[0]) for r in held])
        found: dict[str, str] = {}
        for row, only, content in zip(held, in_hand, contents, strict=True):
            names = _names(content[0][1]) if content else []
            kept = names if only is None else [only.decode()]
            found.update(dict.fromkeys(kept, row[1].decode()))
        return found


def _names(flat: list[Reply]) -> list[str]:
    return [name for name in (each.decode() for each in flat[::2]) if name != DELIVERIES]
