"""The worker's side of the bus on Redis: pages of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minuet.model.errors import BusUnavailable

from .api import Delivery, Done
from .codes import BusFault
from .redis_core import RedisCore
from .task_calls import (
    GROUP,
    Call,
    cancelled_calls,
    complete_calls,
    heartbeat_calls,
    mark,
    scatter,
)
from .wire import Argument, Reply

GROUP_TRIES = 4


class RedisWorker(RedisCore):
    async def take(
        self,
        type_partitions: Mapping[str, Sequence[int]],
        consumer: str,
        *,
        count: int,
        block_ms: int,
    ) -> list[Delivery]:
        streams = {
            self._keys.tasks(p, type): (p, type)
            for type, partitions in type_partitions.items()
            for p in partitions
        }
        if not streams:
            return []
        args: list[Argument] = [b"XREADGROUP", b"GROUP", GROUP, consumer, b"COUNT", count]
        if block_ms > 0:
            args += (b"BLOCK", block_ms)
        args += (b"STREAMS", *streams, *(b">" for _ in streams))
        by_key = {key.encode(): of for key, of in streams.items()}

        async def give_back(reply: Reply) -> None:
            for delivery in deliveries_of(reply, by_key):
                await self.surrender(delivery, consumer)

        for _ in range(GROUP_TRIES):
            try:
                reply = await self._redis.call_blocking(block_ms, *args, rescue=give_back)
            except BusFault as exc:
                if not str(exc).startswith("NOGROUP"):
                    raise
            else:
                return deliveries_of(reply, by_key)
            # Nobody took from these streams yet, or a FLUSHALL came, before or during the wait.
            await self._make_groups(type_partitions)
        raise BusUnavailable("the task streams keep vanishing")

    async def complete(self, done: Sequence[Done]) -> list[bool]:
        return await self._scattered(complete_calls(self._keys, done), len(done))

    async def split(
        self,
        delivery: Delivery,
        consumer: str,
        results: Sequence[tuple[str, bytes]],
        in_hand: str,
        unstarted: Sequence[tuple[str, bytes]],
    ) -> bool:
        p, type = delivery.p, delivery.type
        keys = (self._keys.tasks(p, type), self._keys.signals(p), self._keys.splits(p))
        args: list[Argument] = [consumer, delivery.id, mark(type, delivery.id), in_hand]
        args += (2 * len(results), 2 * len(unstarted))
        for pair in (*results, *unstarted):
            args += pair
        return bool(await self._redis.fcall("split", keys, args))

    async def surrender(self, delivery: Delivery, consumer: str) -> bool:
        p, type = delivery.p, delivery.type
        keys = (self._keys.tasks(p, type), self._keys.splits(p))
        args = (consumer, delivery.id, mark(type, delivery.id))
        return bool(await self._redis.fcall("surrender", keys, args))

    async def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        return await self._scattered(heartbeat_calls(self._keys, consumer, held), len(held))

    async def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        return await self._scattered(cancelled_calls(self._keys, tokens), len(tokens))

    async def cancels(self, partitions: Sequence[int]) -> list[bool]:
        calls = [(b"EXISTS", self._keys.cancelled(p)) for p in partitions]
        return [bool(reply) for reply in await self._redis.call_many(calls)]

    async def claim(
        self, p: int, type: str, consumer: str, *, min_idle_ms: int, limit: int,
        max_deliveries: int, lost: bytes, cancelled: bytes,
    ) -> int:  # fmt: skip
        keys = (
            self._keys.tasks(p, type), self._keys.signals(p), self._keys.splits(p),
            self._keys.cancelled(p),
        )  # fmt: skip
        args = (type, min_idle_ms, limit, max_deliveries, lost, cancelled)
        return int(await self._redis.fcall("claim", keys, args))

    async def _make_groups(self, type_partitions: Mapping[str, Sequence[int]]) -> None:
        by_partition: dict[int, list[str]] = {}
        for type, partitions in type_partitions.items():
            for p in partitions:
                by_partition.setdefault(p, []).append(self._keys.tasks(p, type))
        calls = [Call.of("make_groups", keys) for keys in by_partition.values()]
        await self._redis.call_many([call.command() for call in calls])

    async def _scattered(self, calls: Sequence[Call], count: int) -> list[bool]:
        """One call a partition; answers in the order of the caller's items."""
        replies = await self._redis.call_many([call.command() for call in calls])
        return scatter(calls, replies, count)


def deliveries_of(reply: Reply, by_key: Mapping[bytes, tuple[int, str]]) -> list[Delivery]:
    """What XREADGROUP brought; `by_key` names partition and type of each stream."""
    return [
        _delivery(*by_key[key], entry_id, flat)
        for key, entries in reply or ()
        for entry_id, flat in entries
    ]


def _delivery(p: int, type: str, entry_id: bytes, flat: list[bytes]) -> Delivery:
    tokens = list(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))
    earlier = 0
    if tokens and tokens[-1][0] == "d":
        earlier = int(tokens.pop()[1])
    return Delivery(p, type, entry_id.decode(), tokens, earlier + 1)
