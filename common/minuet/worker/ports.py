"""What the worker needs beside the bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minuet.bus.api import Done, WorkerBus
from minuet.model.token import CasRef


class RuntimeBus(WorkerBus, Protocol):
    """WorkerBus, how many partitions there are, and the server's clock."""

    async def now(self) -> int: ...

    async def partitions(self) -> int | None: ...


class ThreadBus(Protocol):
    """The part of WorkerBus that the heartbeat thread calls, synchronous, on its own connection.

    Every method may raise BusUnavailable; then the outcome of `complete` is unknown.
    """

    def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]: ...

    def cancelled(self, tokens: Sequence[str]) -> list[bool]: ...

    def complete(self, done: Sequence[Done]) -> list[bool]: ...


class Blobs(Protocol):
    """The content-addressed store as a worker sees it. Digests are `sha256:<hex>`."""

    async def get(self, tenant: str, digest: str) -> bytes:
        """Raises NotFound or Unavailable."""

    async def put(self, tenant: str, data: bytes) -> CasRef:
        """Store canonical JSON. Raises Unavailable."""
