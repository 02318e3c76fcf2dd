"""An event loop without a clock or a socket: time is a number, and dice decide who runs next.

Every process has a queue of its own, first in, first out, as a real loop has. Whose queue goes on
is drawn, step by step. Time moves only when all queues are empty, to the next timer.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Unit:
    """What runs one thing at a time: a process's loop, its thread, or the world around them."""

    __slots__ = ("alive", "context", "name", "process", "queue", "stalled")

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process
        self.alive = True
        self.stalled = False
        self.queue: deque[asyncio.Handle] = deque()
        self.context = copy_context()
        self.context.run(UNIT.set, self)


class Process:
    """A loop and one thread beside it, which live and die together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.main = Unit(name, self)
        self.thread = Unit(f"{name}.thread", self)

    @property
    def alive(self) -> bool:
        return self.main.alive


UNIT: ContextVar[Unit] = ContextVar("unit")


class VirtualLoop(asyncio.BaseEventLoop):
    """`clinging` from 0 to 1 is how likely a unit goes on that has just run. The world's own steps
    (messages that arrive, timers of servers) are those of `world`."""

    def __init__(self, random: Random, clinging: float) -> None:
        super().__init__()
        self.steps = 0
        self.world = Process("world")
        self.troubles: list[str] = []
        self._random = random
        self._clinging = clinging
        self._now = 0.0
        self._ready_units: list[Unit] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timer_count = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._prune_at = 256
        self._halted = False

    def time(self) -> float:
        return self._now

    # ── what asyncio asks of a loop ───────────────────────────────────────────────────────────

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._put(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """From a thread of a process to its loop."""
        unit = UNIT.get(self.world.main)
        return self.call_soon(callback, *args, context=context or unit.process.main.context)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        handle = asyncio.TimerHandle(max(when, self._now), callback, args, self, context)
        self._timer_count += 1
        heapq.heappush(self._timers, (handle.when(), self._timer_count, handle))
        return handle

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:  # fmt: skip
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        # Held, so that what a dead process left hanging is not tidied up by its own `finally`.
        self._tasks.append(task)
        if len(self._tasks) > self._prune_at:
            self._tasks = [each for each in self._tasks if not each.done()]
            self._prune_at = 2 * len(self._tasks) + 256
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """At once, in place: a thread that nobody interrupts."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:
            future.set_exception(exc)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.troubles.append(f"{context.get('message')}: {error!r}")

    # ── units ─────────────────────────────────────────────────────────────────────────────────

    def spawn(self, unit: Unit, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return self.create_task(coro, name=unit.name, context=unit.context.copy())

    def _put(self, handle: asyncio.Handle) -> None:
        unit = cast("Any", handle)._context.get(UNIT, self.world.main)
        if unit.alive:
            if not unit.queue and not unit.stalled:
                self._ready_units.append(unit)
            unit.queue.append(handle)

    def kill(self, process: Process) -> None:
        """As `kill -9`: nothing of it ever runs again, no `finally` either."""
        for unit in (process.main, process.thread):
            unit.alive = False
            unit.queue.clear()
            if unit in self._ready_units:
                self._ready_units.remove(unit)

    def stall(self, unit: Unit, seconds: float) -> None:
        """As SIGSTOP for a while."""
        if unit.alive and not unit.stalled:
            unit.stalled = True
            if unit in self._ready_units:
                self._ready_units.remove(unit)
            self.call_later(seconds, self._resume, unit, context=self.world.main.context)

    def _resume(self, unit: Unit) -> None:
        unit.stalled = False
        if unit.alive and unit.queue:
            self._ready_units.append(unit)

    # ── running ───────────────────────────────────────────────────────────────────────────────

    def halt(self) -> None:
        """Run nothing more after this step."""
        self._halted = True

    def run_until(self, deadline: float, *, most_steps: int) -> bool:
        """Until `halt`; False if the virtual time passes `deadline`, after so many steps, or if
        nothing is left to do."""
        asyncio._set_running_loop(self)
        try:
            while not self._halted and self.steps < most_steps:
                if self._ready_units:
                    self._step()
                elif not self._advance(deadline):
                    return False
        finally:
            asyncio._set_running_loop(None)
        return self._halted

    def _step(self) -> None:
        units, draw = self._ready_units, self._random.random
        if len(units) > 1 and draw() >= self._clinging:
            place = int(draw() * len(units))
            units[place], units[-1] = units[-1], units[place]
        unit = units[-1]
        handle = unit.queue.popleft()
        if not unit.queue:
            units.pop()
        if not handle.cancelled():
            self.steps += 1
            handle._run()

    def _advance(self, deadline: float) -> bool:
        """Jump to the next timer, and make everything ready that is due then."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers or timers[0][0] > deadline:
            return False
        self._now = timers[0][0]
        while timers and timers[0][0] <= self._now:
            handle = heapq.heappop(timers)[2]
            if not handle.cancelled():
                self._put(handle)
        return True

    def dispose(self) -> None:
        """Drop every task without letting it say a word."""
        asyncio._set_running_loop(self)
        for task in self._tasks:
            if not task.done():
                cast("Any", task)._log_destroy_pending = False
                _close(cast("Any", task.get_coro()))
        asyncio._set_running_loop(None)
        self._tasks.clear()
        self._timers.clear()
        self.troubles.clear()
        self.close()


class _Gone(BaseException):
    """The world of a coroutine is gone."""


def _close(coro: Coroutine[Any, Any, Any]) -> None:
    """End a coroutine where it stands; not by `close`, which a `finally` that waits offends."""
    try:
        for _ in range(50):
            coro.throw(_Gone())
    except BaseException:  # its end
        return
