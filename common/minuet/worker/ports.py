"""What the worker needs beside the bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minuet.bus.api import Done, WorkerBus
from minuet.model.token import CasRef


class RuntimeBus(WorkerBus, Protocol):
    """WorkerBus, how many partitions there are, the server's clock, and whether the server may
    have gone back: `connections` grows with every new connection, `trouble` is why there is none
    now."""

    @property
    def connections(self) -> int: ...

    @property
    def trouble(self) -> str | None: ...

    async def unvouched(self, partitions: Sequence[int]) -> list[int]: ...

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
