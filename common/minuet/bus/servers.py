"""The bus for an address, be it that of one server or of a cluster."""

from __future__ import annotations

from .address import Address
from .cluster import ClusterBus
from .cluster_thread import ClusterThreadBus
from .redis import RedisBus
from .thread import ThreadBus


def bus_at(url: str, prefix: str = "") -> RedisBus:
    """Connects at the first call, as RedisBus.at. Raises InvalidInput for an address that cannot
    be read."""
    return ClusterBus.at(url, prefix) if Address.parse(url).is_cluster else RedisBus.at(url, prefix)


async def connected_bus(url: str, prefix: str = "") -> RedisBus:
    """Connects now. Raises BusUnavailable if nobody listens, InvalidInput as `bus_at`."""
    made = ClusterBus if Address.parse(url).is_cluster else RedisBus
    return await made.connect(url, prefix)


def thread_bus_at(url: str, prefix: str = "") -> ThreadBus:
    """Connects at the first call."""
    made = ClusterThreadBus if Address.parse(url).is_cluster else ThreadBus
    return made(url, prefix)
