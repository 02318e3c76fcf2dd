"""The server side of the in-memory bus: state, clock, waiting, failures."""

from __future__ import annotations

import asyncio
import copy
import functools
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from .api import Entry
from .memory_faults import Fault, Faults, unavailable
from .memory_state import Partition, State
from .memory_stream import Stream, format_id, parse_id

P = ParamSpec("P")
S = TypeVar("S", bound="MemoryCore")
T = TypeVar("T")

Waiter = Callable[[asyncio.Event, int], Awaitable[None]]
"""Waits until the event is set or that many ms have passed; it may return early."""


async def wait_real(event: asyncio.Event, block_ms: int) -> None:
    # Not wait_for: before Python 3.12 it swallows a cancellation that meets the event.
    try:
        async with asyncio.timeout(block_ms / 1000):
            await event.wait()
    except TimeoutError:
        return


async def wait_never(event: asyncio.Event, block_ms: int) -> None:
    """For a virtual clock: blocking reads return what is there, at once."""


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


class MemoryCore:
    """One server's memory. Several coordinators and workers, also in several threads with a loop
    each, share one instance as they would share one Redis."""

    def __init__(
        self, *, clock: Callable[[], int] = wall_clock, wait: Waiter | None = None
    ) -> None:
        """`clock` gives ms since the epoch. Without `wait`, blocking reads wait in real time
        under the wall clock and return at once under any other."""
        self.out_of_memory = False
        self._faults = Faults()
        self._clock = clock
        self._wait = wait or (wait_real if clock is wall_clock else wait_never)
        self._state = State()
        self._starts = 1
        self._lock = threading.RLock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._listeners: dict[asyncio.Queue[bytes], asyncio.AbstractEventLoop] = {}

    # ── what a test does to a server ────────────────────────────────────────────────────────

    def fail_next(
        self, method: str, error: Exception | None = None, *, after_effect: bool = False
    ) -> None:
        """The next unplanned call of `method` raises `error` (BusUnavailable by default); with
        `after_effect` only its reply is lost. Plans queue up: three of them fail three calls.
        Raises AttributeError if the bus has no such method."""
        getattr(self, method)
        self._faults.plan(method, Fault(error or unavailable(), after_effect))

    def snapshot(self) -> State:
        """What `rewind` may go back to, untouched by anything that happens later."""
        with self._lock:
            return copy.deepcopy(self._state)

    def rewind(self, snapshot: State) -> None:
        """The server restarted from an older file: writes acknowledged since then are lost."""
        with self._lock:
            self._state = copy.deepcopy(snapshot)
            self._starts += 1
        self._wake()

    def flush(self) -> None:
        """The server restarted with nothing."""
        self.rewind(State())

    def empty(self) -> None:
        """FLUSHALL: the same server, without its content."""
        with self._lock:
            self._state = State()
        self._wake()

    async def close(self) -> None:
        """Nothing to close; here because every bus has it."""

    @property
    def connections(self) -> int:
        """Every start of the server cuts all connections."""
        return self._starts

    @property
    def trouble(self) -> str | None:
        """Never any."""
        return None

    @property
    def _server_id(self) -> str:
        return f"memory-{self._starts}"

    # ── shared by the parts ─────────────────────────────────────────────────────────────────

    def _now(self) -> int:
        return self._clock()

    def _partition(self, p: int) -> Partition:
        return self._state.partitions[p]

    def _wake(self) -> None:
        """Let blocking reads look again."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for event, loop in waiting.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def _call(self, method: str, body: Callable[[], T]) -> T:
        """A call over the wire: others run before its effect and before its reply, and it may
        fail at either point."""
        fault = self._faults.next(method)
        await asyncio.sleep(0)
        if fault and not fault.after_effect:
            raise fault.error
        with self._lock:
            reply = body()
        await asyncio.sleep(0)
        if fault:
            raise fault.error
        return reply

    async def _blocking(self, method: str, body: Callable[[], list[T]], block_ms: int) -> list[T]:
        """Like `_call`, but an empty reply waits for the next change, up to `block_ms` in all."""
        changed = asyncio.Event()

        def look() -> list[T]:
            if not (found := body()):
                self._waiting[changed] = asyncio.get_running_loop()
            return found

        deadline = self._now() + block_ms
        try:
            found = await self._call(method, look)
            while not found and (left := deadline - self._now()) > 0:
                await self._wait(changed, left)
                woken = changed.is_set()
                changed.clear()
                found = await self._call(method, look)
                if not woken:
                    break
            return found
        finally:
            with self._lock:
                self._waiting.pop(changed, None)


def remote(
    body: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make a plain method a call over the wire (see `_call`). That the method is not a coroutine
    is what makes it atomic."""
    name = body.__name__

    @functools.wraps(body)
    async def call(bus: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await bus._call(name, lambda: body(bus, *args, **kwargs))

    return call


def read_streams(
    streams: Mapping[int, Stream], cursors: Mapping[int, str], count: int
) -> list[Entry]:
    """At most `count` entries a partition after its cursor."""
    return [
        Entry(p, format_id(id), list(fields))
        for p, cursor in cursors.items()
        for id, fields in streams[p].after(parse_id(cursor), count)
    ]
