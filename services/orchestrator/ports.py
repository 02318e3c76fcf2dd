"""What the orchestrator asks of its adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from minuet.bus.api import CacheBus, LineBus, TicketBus, WorkerInfo
from minuet.bus.leftovers import LeftoverBus
from minuet.bus.server import Fitness


class Bus(LeftoverBus, LineBus, CacheBus, TicketBus, Protocol):
    """The part of the bus that the orchestrator uses."""

    async def workers(self) -> list[WorkerInfo]: ...

    async def announce(self, message: bytes) -> None: ...

    def announcements(self) -> AsyncIterator[bytes]: ...

    async def server_info(self) -> Fitness: ...

    async def unrecorded(self, partitions: int) -> int:
        """Commits of partitions 0 to `partitions` - 1 that the recorder has not yet stored."""


class Cas(Protocol):
    """Values by digest: durable in Postgres, cached in Redis."""

    async def get(self, tenant: str, digest: str) -> bytes | None: ...

    async def put(self, tenant: str, data: bytes) -> str:
        """Store durably; the digest."""

    async def put_for_now(self, tenant: str, data: bytes, *, ttl_s: int) -> str:
        """Store where Redis finds it for that long; the digest."""

    async def warm(self, tenant: str, digest: str) -> None:
        """Copy a durable value into the cache in Redis."""
