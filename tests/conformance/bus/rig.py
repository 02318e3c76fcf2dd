"""What the suite needs beside the contract: how to build a bus, lose its data and look inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from minuet.bus.api import (
    CacheBus,
    Commit,
    CoordinatorBus,
    Delivery,
    Entry,
    Fields,
    JournalBus,
    LineBus,
    Page,
    RecorderBus,
    RunWrite,
    TicketBus,
    WorkerBus,
)
from minuet.bus.leftovers import LeftoverBus
from minuet.bus.memory import MemoryBus

T = TypeVar("T")

TYPE = "http"
LONG_MS = 60_000
SOON_MS = 30
"""A lease or idle time that is over soon: tests wait for its effect, never for the time."""


class Bus(
    CoordinatorBus,
    LeftoverBus,
    WorkerBus,
    RecorderBus,
    CacheBus,
    TicketBus,
    JournalBus,
    LineBus,
    Protocol,
):
    """Everything at once, as the adapters offer it."""

    def announcements(self) -> AsyncGenerator[bytes, None]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rig:
    """`lose` drops every key, as FLUSHALL would."""

    name: str
    bus: Bus
    lose: Callable[[], Awaitable[None]]


def memory_rig(bus: MemoryBus) -> Rig:
    async def lose() -> None:
        bus.flush()

    return Rig("memory", bus, lose)


def server_rig(name: str, bus: Bus, client: Redis, prefix: str) -> Rig:
    async def lose() -> None:
        async for key in client.scan_iter(match=f"{prefix}*", count=1000):
            await client.unlink(key)

    return Rig(name, bus, lose)


def cluster_rig(bus: Bus, client: RedisCluster, prefix: str) -> Rig:
    async def lose() -> None:
        # One key a call: those of two slots cannot go in one.
        async for key in client.scan_iter(match=f"{prefix}*", count=1000):
            await client.unlink(key)

    return Rig("cluster", bus, lose)


async def eventually(look: Callable[[], Awaitable[T | None]], *, within_s: float = 5.0) -> T:
    """The first truthy reply of `look`; each look is a round trip, so this does not spin hard."""
    async with asyncio.timeout(within_s):
        while not (found := await look()):
            await asyncio.sleep(0.002)
    return found


# ── short ways to say what most tests need ─────────────────────────────────────────────────────


def token(name: str = "a", p: int = 0) -> tuple[str, bytes]:
    return f"{p}-run/{name}/1/1", f'{{"node":"{name}"}}'.encode()


def tokens(count: int, p: int = 0) -> list[tuple[str, bytes]]:
    return [token(f"n{i}", p) for i in range(count)]


class Writer:
    """An owner that commits in sequence."""

    def __init__(self, bus: Bus, p: int, owner: str, number: int, cursor: str) -> None:
        self.bus, self.p, self.owner, self.number, self.cursor = bus, p, owner, number, cursor

    async def commit(
        self,
        *,
        cursor: str | None = None,
        runs: Sequence[RunWrite] = (),
        pages: Sequence[Sequence[tuple[str, bytes]]] = (),
        timers_add: Sequence[tuple[str, int]] = (),
        timers_del: Sequence[str] = (),
        cancelled: Sequence[str] = (),
        signals: Sequence[Fields] = (),
        event: bytes | None = None,
        dead_letters: Sequence[Fields] = (),
    ) -> int:
        """Pages are lists of tokens of node type TYPE."""
        self.cursor = cursor or self.cursor
        now = await self.bus.commit(
            Commit(
                self.p,
                self.owner,
                self.number,
                self.cursor,
                list(runs),
                [Page(TYPE, list(page)) for page in pages],
                list(timers_add),
                list(timers_del),
                list(cancelled),
                list(signals),
                event,
                list(dead_letters),
            )
        )
        self.number += 1
        return now


async def own(bus: Bus, p: int = 0, owner: str = "owner-1", lease_ms: int = LONG_MS) -> Writer:
    lease = await bus.acquire(p, owner, lease_ms)
    assert lease is not None
    return Writer(bus, p, owner, lease.commit, lease.cursor)


async def signals(bus: Bus, p: int = 0, cursor: str = "0-0") -> list[Entry]:
    return await bus.read_signals({p: cursor}, count=10_000, block_ms=0)


async def done_tokens(bus: Bus, p: int = 0) -> list[tuple[str, bytes]]:
    """Every result in the partition's `done` signals, in order."""
    found = [e.fields for e in await signals(bus, p) if e.fields[0] == ("k", b"done")]
    return [pair for fields in found for pair in fields[1:]]


async def take(bus: Bus, consumer: str = "w1", *, p: int = 0, count: int = 100) -> list[Delivery]:
    return await bus.take({TYPE: [p]}, consumer, count=count, block_ms=0)


async def take_one(bus: Bus, consumer: str = "w1", *, p: int = 0) -> Delivery:
    (delivery,) = await take(bus, consumer, p=p, count=1)
    return delivery


async def dead_letters(bus: Bus, p: int = 0) -> list[Fields]:
    return [e.fields for e in await bus.read_dead({p: "0-0"}, count=1_000, block_ms=0)]
