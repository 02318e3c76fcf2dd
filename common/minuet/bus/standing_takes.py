"""Taking pages from a cluster: one waiting XREADGROUP a partition, left standing between calls.

As with StandingReads, but what such a read brings belongs to the consumer. So a consumer that does
not come back soon gives everything back: what had been brought, and what still comes while the
waiting is called off.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from minuet.model.errors import BusUnavailable, Unavailable

from .api import Delivery
from .cluster_connection import ClusterConnection
from .codes import BusFault
from .keys import Keys
from .redis_worker import GROUP_TRIES, deliveries_of
from .standing_reads import SENT_AWAY_S, STANDING_MS
from .task_calls import GROUP
from .wire import Argument, Reply

log = structlog.get_logger()

GIVE_BACK_PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
COME_BACK_S: Final = 0.05
"""A worker with free slots is back at once; one without must not keep pages from others."""

Types = frozenset[str]
Surrender = Callable[[Delivery, str], Awaitable[object]]
MakeGroups = Callable[[Mapping[str, Sequence[int]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Wait:
    types: Types
    task: asyncio.Task[list[Delivery]]


class StandingTakes:
    """For any number of consumers. `surrender` gives a delivery back; `make_groups` makes the
    consumer groups of streams that nobody took from."""

    def __init__(
        self, connection: ClusterConnection, surrender: Surrender, make_groups: MakeGroups
    ) -> None:
        self._connection = connection
        self._surrender = surrender
        self._make_groups = make_groups
        self._consumers: dict[str, _Consumer] = {}
        self._giving_back: set[asyncio.Task[None]] = set()
        self._closing = False

    async def take(
        self,
        type_partitions: Mapping[str, Sequence[int]],
        consumer: str,
        *,
        count: int,
        block_ms: int,
    ) -> list[Delivery]:
        """As WorkerBus.take. Raises BusUnavailable if nodes were away and others had nothing."""
        wanted = _by_partition(type_partitions)
        if not wanted:
            return []
        mine = self._consumers.get(consumer)
        if mine is None:
            mine = self._consumers[consumer] = _Consumer(self, consumer)
        return await mine.take(wanted, count, block_ms)

    async def close(self) -> None:
        """Everything that was brought and not yet handed out goes back."""
        self._closing = True
        consumers = list(self._consumers.values())
        await asyncio.gather(*(each.close() for each in consumers))
        await asyncio.gather(*self._giving_back)
        self._consumers.clear()

    def forget(self, consumer: str) -> None:
        self._consumers.pop(consumer, None)

    async def read(
        self, p: int, types: Types, consumer: str, count: int, block_ms: int
    ) -> list[Delivery]:
        """XREADGROUP on the streams of one partition."""
        by_key = {self._keys.tasks(p, type).encode(): (p, type) for type in sorted(types)}
        args: list[Argument] = [b"XREADGROUP", b"GROUP", GROUP, consumer, b"COUNT", count]
        if block_ms > 0:
            args += (b"BLOCK", block_ms)
        args += (b"STREAMS", *by_key, *(b">" for _ in by_key))

        async def give_back(reply: Reply) -> None:
            await self._give_back(deliveries_of(reply, by_key), consumer)

        for _ in range(GROUP_TRIES):
            try:
                reply = await self._connection.call_blocking(block_ms, *args, rescue=give_back)
            except BusFault as exc:
                if not str(exc).startswith("NOGROUP"):
                    raise
            else:
                return deliveries_of(reply, by_key)
            await self._make_groups({type: [p] for type in types})
        raise BusUnavailable("the task streams keep vanishing")

    def give_back_soon(self, deliveries: Iterable[Delivery], consumer: str) -> None:
        task = asyncio.ensure_future(self._give_back(deliveries, consumer))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def _give_back(self, deliveries: Iterable[Delivery], consumer: str) -> None:
        await asyncio.gather(*(self._give_one_back(each, consumer) for each in deliveries))

    async def _give_one_back(self, delivery: Delivery, consumer: str) -> None:
        """Until its node is there again, within bounds: who gives up leaves it to the lease."""
        for pause in GIVE_BACK_PAUSES_S:
            try:
                await self._surrender(delivery, consumer)
            except Unavailable as exc:
                log.warning("surrender_failed", entry=delivery.id, error=str(exc))
                if self._closing:
                    return
                await asyncio.sleep(pause)
            else:
                return

    @property
    def _keys(self) -> Keys:
        return self._connection.keys


class _Consumer:
    """What stands for one consumer. `_spare` are pages beyond what a call had asked for."""

    def __init__(self, takes: StandingTakes, name: str) -> None:
        self._takes = takes
        self._name = name
        self._waits: dict[int, _Wait] = {}
        self._spare: list[Delivery] = []
        self._callers = 0
        self._leaving: asyncio.TimerHandle | None = None

    async def take(self, wanted: Mapping[int, Types], count: int, block_ms: int) -> list[Delivery]:
        if self._leaving is not None:
            self._leaving.cancel()
        self._callers += 1
        try:
            return self._collected(wanted, count) or await self._ask(wanted, count, block_ms)
        except asyncio.CancelledError:
            self._give_up(list(self._waits))
            raise
        finally:
            self._callers -= 1
            self._leaving = asyncio.get_running_loop().call_later(COME_BACK_S, self._leave)

    async def close(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        tasks = [wait.task for wait in self._waits.values()]
        self._give_up(list(self._waits))
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, wanted: Mapping[int, Types], count: int, block_ms: int) -> list[Delivery]:
        # Of what is waited for anyway there is nothing more at this moment.
        missing = [p for p in wanted if not self._covers(p, wanted[p])]
        if block_ms <= 0:
            return await self._ask_now({p: wanted[p] for p in missing}, count)
        self._give_up([p for p in missing if p in self._waits])
        for p in missing:
            self._waits[p] = _Wait(
                wanted[p], asyncio.ensure_future(self._wait(p, wanted[p], count))
            )
        tasks = [self._waits[p].task for p in wanted]
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait(tasks, timeout=block_ms / 1000, return_when=first)
        return self._collected(wanted, count)

    async def _ask_now(self, wanted: Mapping[int, Types], count: int) -> list[Delivery]:
        reads = (self._takes.read(p, of, self._name, count, 0) for p, of in wanted.items())
        replies = await asyncio.gather(*reads, return_exceptions=True)
        failures = [reply for reply in replies if isinstance(reply, BaseException)]
        found = [reply for reply in replies if not isinstance(reply, BaseException)]
        # What was brought is ours: it must be handed out, whatever else failed.
        if failures and not any(found):
            raise failures[0]
        return [delivery for deliveries in found for delivery in deliveries]

    async def _wait(self, p: int, types: Types, count: int) -> list[Delivery]:
        """Until there is something."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            if found := await self._takes.read(p, types, self._name, count, STANDING_MS):
                return found
            if loop.time() - began < SENT_AWAY_S:
                await asyncio.sleep(SENT_AWAY_S)

    def _covers(self, p: int, types: Types) -> bool:
        wait = self._waits.get(p)
        return wait is not None and types <= wait.types and not wait.task.done()

    def _collected(self, wanted: Mapping[int, Types], count: int) -> list[Delivery]:
        """At most `count` of each stream; the rest is for the next call."""
        failure: BaseException | None = None
        brought, self._spare = self._spare, []
        for p in [p for p in wanted if p in self._waits and self._waits[p].task.done()]:
            task = self._waits.pop(p).task
            failure = failure or task.exception()
            if task.exception() is None:
                brought += task.result()
        found: list[Delivery] = []
        taken: Counter[tuple[int, str]] = Counter()
        for delivery in brought:
            stream = delivery.p, delivery.type
            is_wanted = delivery.type in wanted.get(delivery.p, ())
            if is_wanted and taken[stream] < count:
                taken[stream] += 1
                found.append(delivery)
            else:
                self._spare.append(delivery)
        if failure is not None and not found:
            raise failure
        return found

    def _leave(self) -> None:
        """The consumer did not come back."""
        if not self._callers:
            self._give_up(list(self._waits))
            self._takes.forget(self._name)

    def _give_up(self, partitions: Sequence[int]) -> None:
        """End these waits, and give back whatever they and earlier ones brought."""
        brought, self._spare = self._spare, []
        for p in partitions:
            task = self._waits.pop(p).task
            # A task that still waits takes care of what comes too late.
            if not task.cancel() and task.exception() is None:
                brought += task.result()
        if brought:
            self._takes.give_back_soon(brought, self._name)


def _by_partition(type_partitions: Mapping[str, Sequence[int]]) -> dict[int, Types]:
    types: dict[int, set[str]] = {}
    for type, partitions in type_partitions.items():
        for p in partitions:
            types.setdefault(p, set()).add(type)
    return {p: frozenset(of) for p, of in types.items()}
