"""The in-memory bus: one process, no server, the semantics of Redis.

It stores, expires, redelivers and fails on demand, and passes the conformance suite that the
Redis bus passes. Its clock is injected, so a simulation decides what time it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from minuet.model.errors import Overloaded

from .api import Entry, Fields, SignalSpan, StaleRuns
from .memory_coordinator import MemoryCoordinator
from .memory_core import MemoryCore, read_streams, remote
from .memory_journal import MemoryJournal
from .memory_leftovers import MemoryLeftovers
from .memory_line import MemoryLine
from .memory_state import Partition
from .memory_stream import Stream, check_entries, format_id, parse_id
from .memory_worker import MemoryWorker
from .timers import timers_of
from .voucher import may_be_stale


class MemorySignals(MemoryCore):
    @remote
    def now(self) -> int:
        return self._now()

    @remote
    def send(self, p: int, signals: Sequence[Fields], *, not_after: int | None = None) -> int:
        check_entries(signals)
        now = self._now()
        if not_after is not None and now > not_after:
            return 0
        if self.out_of_memory:
            raise Overloaded("the bus is out of memory")
        for signal in signals:
            self._partition(p).signals.add(signal, now)
        self._wake()
        return len(signals)

    @remote
    def partitions(self) -> int | None:
        return self._state.published

    @remote
    def publish_partitions(self, count: int) -> None:
        self._state.published = max(count, self._state.published or 0)

    @remote
    def heads(self, p: int, runs: Sequence[str]) -> list[bytes | None]:
        held = self._partition(p).runs
        return [held.get(run, {}).get("head") for run in runs]

    @remote
    def unvouched(self, partitions: Sequence[int]) -> list[int]:
        server = self._server_id
        return [p for p in partitions if may_be_stale(self._partition(p).voucher, server)]

    @remote
    def server_id(self) -> str:
        return self._server_id


class MemoryReconciler(MemoryCore):
    @remote
    def vouchers(self, partitions: int) -> list[str | None]:
        return [self._partition(p).voucher for p in range(partitions)]

    @remote
    def vouch(self, p: int, *, before: str | None, after: str) -> bool:
        part = self._partition(p)
        if part.voucher != before:
            return False
        part.voucher = after
        return True

    @remote
    def note_stale(self, p: int, stale: StaleRuns) -> None:
        self._partition(p).stale = stale

    @remote
    def withdraw(self, p: int, runs: Collection[str]) -> int:
        part, now = self._partition(p), self._now()
        taken = sum(_withdraw(part, type, frozenset(runs), now) for type in list(part.tasks))
        self._wake()
        return taken

    @remote
    def drop_timers(self, p: int, runs: Collection[str]) -> int:
        timers = self._partition(p).timers
        found = timers_of(runs, timers)
        for member in found:
            del timers[member]
        return len(found)

    @remote
    def signal_span(self, p: int) -> SignalSpan:
        part = self._partition(p)
        cursor = part.lease.cursor if part.lease else (0, 0)
        return SignalSpan(format_id(cursor), format_id(part.signals.newest() or cursor))

    @remote
    def task_tokens(self, p: int, type: str, *, limit: int) -> set[str] | None:
        stream = self._partition(p).tasks.get(type) or Stream()
        entries = list(stream.after((0, 0), limit + 1))
        if len(entries) > limit:
            return None
        return {token for _, fields in entries for token, _ in fields}


def _withdraw(part: Partition, type: str, runs: frozenset[str], now: int) -> int:
    stream, taken = part.task_stream(type), 0
    for id, _ in list(stream.after((0, 0), len(stream))):
        tokens = part.remaining(type, id)
        kept = [token for token in tokens if token[0].split("/", 1)[0] not in runs]
        if len(kept) == len(tokens):
            continue
        held = stream.pending.get(id)
        deliveries = part.page(type, id).deliveries + (held.deliveries if held else 0)
        stream.delete(id)
        part.pages.pop((type, id), None)
        for token in kept:
            part.add_page(type, [token], now, deliveries=deliveries)
        taken += len(tokens) - len(kept)
    return taken


class MemoryRecorder(MemoryCore):
    async def read_events(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        def read() -> list[Entry]:
            return read_streams({p: self._partition(p).events for p in cursors}, cursors, count)

        return await self._blocking("read_events", read, block_ms)

    @remote
    def delete_events(self, ids: Mapping[int, Sequence[str]]) -> None:
        for p, of_p in ids.items():
            for id in of_p:
                self._partition(p).events.delete(parse_id(id))

    async def read_dead(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        def read() -> list[Entry]:
            return read_streams({p: self._partition(p).dead for p in cursors}, cursors, count)

        return await self._blocking("read_dead", read, block_ms)

    @remote
    def delete_dead(self, ids: Mapping[int, Sequence[str]]) -> None:
        for p, of_p in ids.items():
            for id in of_p:
                self._partition(p).dead.delete(parse_id(id))

    async def read_live(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        def read() -> list[Entry]:
            return read_streams({p: self._partition(p).live for p in cursors}, cursors, count)

        return await self._blocking("read_live", read, block_ms)


class MemoryAnnouncements(MemoryCore):
    """Listeners live beside the state: a rewind or a flush does not silence them."""

    @remote
    def announce(self, message: bytes) -> None:
        for queue, loop in list(self._listeners.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, message)

    async def announcements(self) -> AsyncGenerator[bytes, None]:
        """Every announcement from the first `anext` on."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners[queue] = asyncio.get_running_loop()
        try:
            while True:
                yield await queue.get()
        finally:
            del self._listeners[queue]


class MemoryCache(MemoryCore):
    @remote
    def cas_put(self, tenant: str, digest: str, data: bytes, *, ttl_s: int) -> None:
        self._state.cas[tenant, digest] = (data, self._now() + ttl_s * 1000)

    @remote
    def put_ticket(self, name: str, holder: bytes, *, ttl_s: int) -> None:
        self._state.tickets[name] = (holder, self._now() + ttl_s * 1000)

    @remote
    def take_ticket(self, name: str) -> bytes | None:
        holder, expires_at = self._state.tickets.pop(name, (None, 0))
        return holder if self._now() < expires_at else None

    @remote
    def cas_get(self, tenant: str, digest: str, *, ttl_s: int) -> bytes | None:
        now = self._now()
        data, expires_at = self._state.cas.get((tenant, digest), (b"", 0))
        if now >= expires_at:
            self._state.cas.pop((tenant, digest), None)
            return None
        self._state.cas[tenant, digest] = (data, now + ttl_s * 1000)
        return data


class MemoryBus(
    MemoryCoordinator,
    MemorySignals,
    MemoryReconciler,
    MemoryLeftovers,
    MemoryLine,
    MemoryWorker,
    MemoryRecorder,
    MemoryAnnouncements,
    MemoryCache,
    MemoryJournal,
):
    """Every role of `minuet.bus.api` over one memory."""
