"""The bus on a Redis or Valkey cluster: each partition lies on one node, all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self

from .address import Address
from .api import Delivery, Entry
from .cluster_connection import ClusterConnection
from .redis import RedisBus
from .server import ClusterInfo, Fitness, ServerInfo, server_info
from .standing_reads import Cursors, StandingReads
from .standing_takes import StandingTakes


class ClusterBus(RedisBus):
    """As RedisBus; `url` is `redis+cluster://`. Calls about one partition do not wait for the
    nodes of others, those about several (`complete`, `delete_events`) do.

    One connection to each node for calls, one more for each partition that is waited for: a
    command can wait for the keys of one slot only.
    """

    def __init__(self, cluster: ClusterConnection) -> None:
        super().__init__(cluster)
        self._cluster = cluster
        self._signals = StandingReads(cluster)
        self._events = StandingReads(cluster)
        self._dead = StandingReads(cluster)
        self._live = StandingReads(cluster)
        self._takes = StandingTakes(cluster, self.surrender, self._make_groups)

    @classmethod
    def at(cls, url: str, prefix: str = "") -> Self:
        return cls(ClusterConnection(Address.parse(url), prefix))

    async def close(self) -> None:
        await self._takes.close()
        reads = (self._signals, self._events, self._dead, self._live)
        await asyncio.gather(*(each.close() for each in reads))
        await super().close()

    async def take(
        self,
        type_partitions: Mapping[str, Sequence[int]],
        consumer: str,
        *,
        count: int,
        block_ms: int,
    ) -> list[Delivery]:
        return await self._takes.take(type_partitions, consumer, count=count, block_ms=block_ms)

    async def read_signals(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams: Cursors = {self._keys.signals(p): (p, at) for p, at in cursors.items()}
        return await self._signals.read(streams, count=count, block_ms=block_ms)

    async def read_events(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams: Cursors = {self._keys.events(p): (p, at) for p, at in cursors.items()}
        return await self._events.read(streams, count=count, block_ms=block_ms)

    async def read_dead(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams: Cursors = {self._keys.dead(p): (p, at) for p, at in cursors.items()}
        return await self._dead.read(streams, count=count, block_ms=block_ms)

    async def read_live(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams: Cursors = {self._keys.live(p): (p, at) for p, at in cursors.items()}
        return await self._live.read(streams, count=count, block_ms=block_ms)

    async def server_info(self) -> Fitness:
        """Of all masters. Raises BusUnavailable if one of them is away."""
        masters = await self._cluster.masters()
        replies = await asyncio.gather(*(node.call(b"INFO") for node in masters))
        infos = zip(masters, map(server_info, replies), strict=True)
        of: dict[str, ServerInfo] = {str(node.place): info for node, info in infos}
        return ClusterInfo(of)

    async def _any_server(self) -> Address:
        """A cluster passes announcements on to all its nodes."""
        return (await self._cluster.any()).address
