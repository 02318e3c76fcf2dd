"""Keeps entries alive from a thread of its own, whatever node code does to the loop.

It also learns which tokens were cancelled, and ends on `timeout` a token whose function did not
stop by itself within the grace.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from minuet.model.errors import Unavailable

from .clock import Clock
from .execution import Execution, StopReason
from .executor import Executor
from .metrics import STUCK
from .options import WorkerOptions
from .page import Page
from .ports import ThreadBus

log = structlog.get_logger()

Stop = Callable[[Page, Execution, StopReason], None]


class Heartbeat:
    """`held` gives the pages in hand; `stop` tells the loop to end an execution ("lost",
    "cancelled"). Both are called from the thread."""

    def __init__(
        self,
        *,
        bus: ThreadBus,
        consumer: str,
        held: Callable[[], Sequence[Page]],
        stop: Stop,
        executor: Executor,
        clock: Clock,
        options: WorkerOptions,
    ) -> None:
        self._bus = bus
        self._consumer = consumer
        self._held = held
        self._stop_execution = stop
        self._executor = executor
        self._clock = clock
        self._options = options
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._beat_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for the call that is under way. Stopping twice is harmless."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = min(self._options.watch_s, self._options.heartbeat_ms / 1000)
        while not self._ended.wait(pause):
            try:
                self.turn()
            except Unavailable as exc:
                log.warning("heartbeat_failed", error=str(exc))
            except Exception:
                # Without this thread every entry here would be taken away: go on.
                log.exception("heartbeat_error")

    def turn(self) -> None:
        """One round: beat if it is time, look for cancelled tokens, end those that are stuck."""
        pages = [page for page in self._held() if not (page.closed or page.abandoned)]
        now = self._clock.monotonic()
        self._end_overdue(pages, now)
        if now >= self._beat_at:
            self._beat(pages)
            self._beat_at = now + self._options.heartbeat_ms / 1000
        self._look_for_cancelled(pages, now)

    def _beat(self, pages: list[Page]) -> None:
        if not pages:
            return
        ours = self._bus.heartbeat(self._consumer, [page.key for page in pages])
        for page, held in zip(pages, ours, strict=True):
            execution = page.execution
            if not held and not page.closed and execution is not None:
                self._stop_execution(page, execution, "lost")

    def _look_for_cancelled(self, pages: list[Page], now: float) -> None:
        running = [
            (page, execution)
            for page in pages
            if (execution := page.execution) is not None
            and execution.stop_reason is None
            and now - execution.started >= self._options.watch_s
        ]
        if not running:
            return
        flags = self._bus.cancelled([execution.token_id for _, execution in running])
        for (page, execution), was_cancelled in zip(running, flags, strict=True):
            if was_cancelled:
                self._stop_execution(page, execution, "cancelled")

    def _end_overdue(self, pages: list[Page], now: float) -> None:
        for page in pages:
            execution = page.execution
            if execution is not None and now > execution.deadline + self._options.grace_s:
                self._end_stuck(page, execution)

    def _end_stuck(self, page: Page, execution: Execution) -> None:
        execution.stop("timeout")
        done = page.close_overdue(execution, self._executor.timed_out(execution))
        if done is None:
            return
        try:
            self._bus.complete([done])
        except Unavailable:
            page.reopen()
            raise
        STUCK.labels(page.spec.name).inc()
        self._executor.count(page.spec, execution, "timeout")
        token = execution.token
        log.error(
            "node_stuck", run_id=token.run, node_id=token.node, type=token.type,
            attempt=token.attempt, timeout_ms=token.timeout_ms,
        )  # fmt: skip
