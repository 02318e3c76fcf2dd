"""Who works: announced workers, and what they tell beside the history."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from minuet.model.errors import Overloaded
from minuet.model.event import LiveEvent

from .api import WorkerInfo
from .redis_core import RedisCore
from .wire import Argument

LIVE_ENTRIES = 10_000


class RedisRegistry(RedisCore):
    async def register(self, worker: WorkerInfo) -> None:
        info = msgspec.json.encode(worker)
        args = (worker.id, worker.stale_after_ms, info)
        await self._redis.fcall("register", (self._keys.workers,), args)

    async def unregister(self, worker_id: str) -> None:
        await self._redis.call(b"HDEL", self._keys.workers, worker_id)

    async def workers(self) -> list[WorkerInfo]:
        (seconds, micros), known = await self._redis.call_many(
            [(b"TIME",), (b"HVALS", self._keys.workers)]
        )
        now = int(seconds) * 1000 + int(micros) // 1000
        pairs = [value.split(b" ", 1) for value in known]
        return [msgspec.json.decode(info, type=WorkerInfo) for at, info in pairs if int(at) > now]

    async def unrecorded(self, partitions: int) -> int:
        """Commits of partitions 0 to `partitions` - 1 that the recorder has not yet stored."""
        return sum(
            await self._redis.call_many(
                [(b"XLEN", self._keys.events(p)) for p in range(partitions)]
            )
        )

    async def emit_live(self, p: int, events: Sequence[LiveEvent]) -> None:
        key = self._keys.live(p)
        commands: list[tuple[Argument, ...]] = [
            (b"XADD", key, b"MAXLEN", b"~", LIVE_ENTRIES, b"*", b"l", msgspec.json.encode(event))
            for event in events
        ]
        try:
            await self._redis.call_many(commands)
        except Overloaded:
            # Live events may be lost by contract; a full Redis needs its memory for the rest.
            return
