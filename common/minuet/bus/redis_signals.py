"""Sending signals on Redis, and what everybody may look up."""

from __future__ import annotations

from collections.abc import Sequence

from .api import Fields
from .codes import FunctionName
from .commit_args import add_entries
from .redis_core import RedisCore
from .server import Fitness, server_info
from .voucher import may_be_stale
from .wire import Argument


class RedisSignals(RedisCore):
    async def now(self) -> int:
        seconds, micros = await self._redis.call(b"TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def send(self, p: int, signals: Sequence[Fields], *, not_after: int | None = None) -> int:
        if not signals:
            return 0
        args: list[Argument] = [not_after or 0, len(signals)]
        add_entries(args, signals)
        return int(await self._redis.fcall(_sender(signals), (self._keys.signals(p),), args))

    async def partitions(self) -> int | None:
        count = await self._redis.call(b"GET", self._keys.partitions)
        return None if count is None else int(count)

    async def publish_partitions(self, count: int) -> None:
        await self._redis.fcall("publish_partitions", (self._keys.partitions,), (count,))

    async def heads(self, p: int, runs: Sequence[str]) -> list[bytes | None]:
        return await self._redis.call_many(
            [(b"HGET", self._keys.run(p, run), b"head") for run in runs]
        )

    async def server_info(self) -> Fitness:
        """Which server this is, how full and how fit."""
        return server_info(await self._redis.call(b"INFO"))

    async def unvouched(self, partitions: Sequence[int]) -> list[int]:
        server = await self.server_id()
        texts = await self._redis.call_many([(b"GET", self._keys.voucher(p)) for p in partitions])
        return [
            p
            for p, text in zip(partitions, texts, strict=True)
            if may_be_stale(text and text.decode(), server)
        ]

    async def server_id(self) -> str:
        return (await self.server_info()).run_id


def _sender(signals: Sequence[Fields]) -> FunctionName:
    """A full Redis refuses starts; what helps it to drain it must take."""
    return "send" if any(("k", b"start") in fields for fields in signals) else "send_anyway"
