"""The workers' side of the in-memory bus."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from minuet.model.event import LiveEvent

from .api import Delivery, Done, WorkerInfo
from .keys import partition_of
from .memory_core import MemoryCore, remote
from .memory_state import PageEntry, Partition
from .memory_stream import Pending, StreamId, format_id, parse_id

LIVE_LENGTH = 10_000


class MemoryWorker(MemoryCore):
    async def take(
        self,
        type_partitions: Mapping[str, Sequence[int]],
        consumer: str,
        *,
        count: int,
        block_ms: int,
    ) -> list[Delivery]:
        taken: list[Delivery] = []

        def read() -> list[Delivery]:
            for type, partitions in type_partitions.items():
                for p in partitions:
                    taken.extend(self._take(p, type, consumer, count))
            return list(taken)

        try:
            return await self._blocking("take", read, block_ms)
        except asyncio.CancelledError:
            with self._lock:
                for delivery in taken:
                    self._give_back(delivery, consumer)
            raise

    def _take(self, p: int, type: str, consumer: str, count: int) -> list[Delivery]:
        part = self._partition(p)
        stream = part.task_stream(type)
        stream.ensure_group()
        return [
            Delivery(p, type, format_id(id), tokens, part.page(type, id).deliveries + 1)
            for id, tokens in stream.deliver(consumer, count, self._now())
        ]

    @remote
    def complete(self, done: Sequence[Done]) -> list[bool]:
        taken = [self._partition(d.p).take_page(d.type, parse_id(d.id)) for d in done]
        results: defaultdict[int, list[tuple[str, bytes]]] = defaultdict(list)
        for d, ours in zip(done, taken, strict=True):
            if ours:
                results[d.p].extend(d.results)
        for p, all_of_p in results.items():
            self._partition(p).add_done(all_of_p, self._now())
        self._wake()
        return taken

    @remote
    def split(
        self,
        delivery: Delivery,
        consumer: str,
        results: Sequence[tuple[str, bytes]],
        in_hand: str,
        unstarted: Sequence[tuple[str, bytes]],
    ) -> bool:
        part, id, held = self._held(delivery, consumer)
        if held is None:
            return False
        earlier = part.page(delivery.type, id).deliveries
        part.pages[delivery.type, id] = PageEntry(earlier, in_hand)
        part.add_done(results, self._now())
        if unstarted:
            part.add_page(delivery.type, unstarted, self._now())
        self._wake()
        return True

    @remote
    def surrender(self, delivery: Delivery, consumer: str) -> bool:
        return self._give_back(delivery, consumer)

    def _give_back(self, delivery: Delivery, consumer: str) -> bool:
        part, id, held = self._held(delivery, consumer)
        if held is None:
            return False
        earlier = part.page(delivery.type, id).deliveries + held.deliveries - 1
        tokens = part.remaining(delivery.type, id)
        part.take_page(delivery.type, id)
        for token in tokens:
            part.add_page(delivery.type, [token], self._now(), deliveries=earlier)
        self._wake()
        return True

    def _held(
        self, delivery: Delivery, consumer: str
    ) -> tuple[Partition, StreamId, Pending | None]:
        part, id = self._partition(delivery.p), parse_id(delivery.id)
        return part, id, part.task_stream(delivery.type).held(id, consumer)

    @remote
    def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        pending = [
            self._partition(p).task_stream(type).held(parse_id(id), consumer)
            for p, type, id in held
        ]
        for entry in pending:
            if entry is not None:
                entry.since = self._now()
        return [entry is not None for entry in pending]

    @remote
    def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        now = self._now()
        return [self._partition(partition_of(t)).was_cancelled(t, now) for t in tokens]

    @remote
    def cancels(self, partitions: Sequence[int]) -> list[bool]:
        return [bool(self._partition(p).cancelled) for p in partitions]

    @remote
    def claim(
        self, p: int, type: str, consumer: str, *, min_idle_ms: int, limit: int,
        max_deliveries: int, lost: bytes, cancelled: bytes,
    ) -> int:  # fmt: skip
        part, now = self._partition(p), self._now()
        stream = part.task_stream(type)
        idle = stream.idle(min_idle_ms, limit, now)
        ended: list[tuple[str, bytes]] = []
        for id in idle:
            deliveries = part.page(type, id).deliveries + stream.pending[id].deliveries
            tokens = part.remaining(type, id)
            part.take_page(type, id)
            for token in tokens:
                if part.was_cancelled(token[0], now):
                    ended.append((token[0], cancelled))
                elif deliveries >= max_deliveries:
                    ended.append((token[0], lost))
                else:
                    part.add_page(type, [token], now, deliveries=deliveries)
        part.add_done(ended, now)
        self._wake()
        return len(idle)

    @remote
    def register(self, worker: WorkerInfo) -> None:
        self._state.workers[worker.id] = (worker, self._now() + worker.stale_after_ms)

    @remote
    def unregister(self, worker_id: str) -> None:
        self._state.workers.pop(worker_id, None)

    @remote
    def workers(self) -> list[WorkerInfo]:
        now = self._now()
        fresh = {w: info for w, info in self._state.workers.items() if now < info[1]}
        self._state.workers = fresh
        return [worker for worker, _ in fresh.values()]

    @remote
    def emit_live(self, p: int, events: Sequence[LiveEvent]) -> None:
        live = self._partition(p).live
        for event in events:
            live.add([("l", msgspec.json.encode(event))], self._now())
        live.trim_to(LIVE_LENGTH)
        self._wake()
