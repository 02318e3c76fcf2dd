"""How a worker takes pages: never more than it has free slots for.

COUNT counts per stream, so one call over all streams may bring as many pages as there are streams.
While free slots are plenty that is one blocking call. When they are few, streams are asked in turn
without waiting, and only a whole round that found nothing is followed by a blocking call over all
of them; the rare surplus that it brings is given back at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from minuet.bus.api import Delivery, WorkerBus

Stream = tuple[str, int]


class Taker:
    """Takes for one consumer. Not for use by two tasks at once."""

    def __init__(self, bus: WorkerBus, consumer: str, types: Sequence[str], block_ms: int) -> None:
        self._bus = bus
        self._consumer = consumer
        self._types = list(types)
        self._block_ms = block_ms
        self._streams: list[Stream] = []
        self._all: dict[str, list[int]] = {}
        self._turn = 0
        self._count = 0

    @property
    def streams(self) -> Sequence[Stream]:
        return self._streams

    @property
    def partitions(self) -> Sequence[int]:
        return range(self._count)

    def serve_partitions(self, count: int) -> None:
        """Take from the streams of that many partitions."""
        self._count = count
        self._all = {type: list(range(count)) for type in self._types}
        # Partition by partition, so that a rotation does not starve a type behind its neighbour.
        self._streams = [(type, p) for p in range(count) for type in self._types]

    async def take(self, free: int) -> list[Delivery]:
        """Pages, possibly none, after at most `block_ms`; more than `free` only if all streams
        had been empty a moment before. Raises BusUnavailable."""
        if free >= len(self._streams):
            return await self._take(self._all, free // len(self._streams), self._block_ms)
        return await self._sweep(free) or await self._take(self._all, 1, self._block_ms)

    async def _sweep(self, free: int) -> list[Delivery]:
        for type, p in self._rotation():
            found = await self._take({type: [p]}, free, 0)
            if found:
                return found
        return []

    def _rotation(self) -> Iterator[Stream]:
        """Every stream once, going on where the last sweep stopped."""
        for _ in range(len(self._streams)):
            self._turn = (self._turn + 1) % len(self._streams)
            yield self._streams[self._turn]

    async def _take(
        self, streams: Mapping[str, Sequence[int]], count: int, block_ms: int
    ) -> list[Delivery]:
        return await self._bus.take(streams, self._consumer, count=count, block_ms=block_ms)
