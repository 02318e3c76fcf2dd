"""Looks at the running pages every few ms, so that a token that takes no time costs no timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from .clock import Clock
from .execution import Execution, StopReason
from .live import LiveBuffer
from .options import WorkerOptions
from .page import Page

TICK_S = 0.02


class Watcher:
    """Announces tokens that run for a while, ends those that time out, splits slow pages.

    It ticks only while pages run.
    """

    def __init__(
        self,
        *,
        pages: Callable[[], Iterable[Page]],
        split: Callable[[Page], None],
        stop: Callable[[Page, Execution, StopReason], None],
        live: LiveBuffer,
        clock: Clock,
        options: WorkerOptions,
    ) -> None:
        self._pages = pages
        self._split = split
        self._stop_execution = stop
        self._live = live
        self._clock = clock
        self._options = options
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """A page started."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        pages = [page for page in self._pages() if not page.closed]
        self.look(pages)
        if pages:
            self.wake()

    def look(self, pages: Iterable[Page]) -> None:
        now = self._clock.monotonic()
        for page in pages:
            execution = page.execution
            if execution is None:
                continue
            if (
                not execution.announced
                and now - execution.started >= self._options.announce_after_s
            ):
                self._live.started(execution)
            if now >= execution.deadline:
                self._stop_execution(page, execution, "timeout")
            if now - page.started >= self._options.split_after_s:
                self._split(page)
