"""Reading streams of the partitions that somebody watches, all with one call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, Protocol

import structlog

from minuet.bus.api import Entry
from minuet.model.errors import Unavailable
from minuet.service import stopped_within

log = structlog.get_logger()

COUNT: Final = 128
BLOCK_MS: Final = 2_000
FIRST_BACKOFF_S: Final = 0.05
LAST_BACKOFF_S: Final = 2.0


class Read(Protocol):
    def __call__(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> Awaitable[list[Entry]]: ...


class Tailer:
    """Hands each entry of the watched partitions to `handle`, in order; after `watch` and after
    an outage from `first` on, so entries may come again. Nothing is read while nobody watches."""

    def __init__(
        self,
        name: str,
        read: Read,
        handle: Callable[[Entry], None],
        first: Callable[[], Awaitable[str]],
    ) -> None:
        self._name = name
        self._read = read
        self._handle = handle
        self._first = first
        self._cursors: dict[int, str | None] = {}  # None: to be read from `first` on
        self._level: dict[int, asyncio.Future[None]] = {}
        self._changed = asyncio.Event()
        self.trouble: str | None = None

    @property
    def watched(self) -> set[int]:
        """The partitions that are read."""
        return set(self._cursors)

    def watch(self, p: int) -> asyncio.Future[None]:
        """Read partition `p` from `first` on; done once everything up to now was handed over."""
        self._cursors[p] = None
        self._changed.set()
        if p not in self._level:
            self._level[p] = asyncio.get_running_loop().create_future()
        return self._level[p]

    def forget(self, p: int) -> None:
        self._cursors.pop(p, None)
        self._settle(p)

    async def run(self, stop: asyncio.Event) -> None:
        """Duty."""
        stopping = asyncio.create_task(stop.wait())
        backoff_s = FIRST_BACKOFF_S
        try:
            while not stop.is_set():
                try:
                    await self._turn(stopping)
                    self.trouble, backoff_s = None, FIRST_BACKOFF_S
                except Unavailable as error:
                    self._note(error)
                    await stopped_within(stop, backoff_s)
                    backoff_s = min(2 * backoff_s, LAST_BACKOFF_S)
        finally:
            stopping.cancel()

    async def _turn(self, stopping: asyncio.Task[Literal[True]]) -> None:
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        reading = asyncio.create_task(self._read_once(changed))
        try:
            await asyncio.wait({reading, changed, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        finally:
            changed.cancel()
            reading.cancel()
            await asyncio.wait({reading})

    async def _read_once(self, changed: asyncio.Task[Literal[True]]) -> None:
        if not self._cursors:
            await asyncio.wait({changed})
            return
        cursors = await self._filled()
        block_ms = 0 if self._level else BLOCK_MS
        entries = await self._read(cursors, count=COUNT, block_ms=block_ms)
        current = {p for p, cursor in cursors.items() if self._cursors.get(p) == cursor}
        for entry in entries:
            if entry.p in current:
                self._cursors[entry.p] = entry.id
                self._handle(entry)
        counts = Counter(entry.p for entry in entries)
        for p in [p for p in self._level if p in current and counts[p] < COUNT]:
            self._settle(p)

    async def _filled(self) -> dict[int, str]:
        if None in self._cursors.values():
            first = await self._first()
            self._cursors = {p: first if at is None else at for p, at in self._cursors.items()}
        return {p: at for p, at in self._cursors.items() if at is not None}

    def _settle(self, p: int) -> None:
        future = self._level.pop(p, None)
        if future is not None and not future.done():
            future.set_result(None)

    def _note(self, error: Unavailable) -> None:
        """A stream may have gone back meanwhile, so no cursor holds any more."""
        if self.trouble is None:
            log.warning("stream_away", stream=self._name, reason=str(error))
        self.trouble = f"{error.code}: {error}"
        self._cursors = dict.fromkeys(self._cursors)
