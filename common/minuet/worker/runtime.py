"""The worker: takes pages, runs their tokens, reports; keeps what it holds alive; drains."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from minuet.bus.api import Delivery, WorkerInfo
from minuet.model.errors import Unavailable

from .backoff import Backoff
from .clock import Clock, SystemClock
from .completer import Completer
from .entrance import Entrance
from .execution import Execution, StopReason
from .executor import Executor, is_cancelling
from .heartbeat import Heartbeat
from .live import LiveBuffer
from .metrics import LOST_ENTRIES, SLOTS, SLOTS_BUSY, SPLITS, page_tokens
from .options import WorkerOptions
from .outcome import cancelled, failed
from .page import Page
from .ports import Blobs, RuntimeBus, ThreadBus
from .presence import Presence
from .probation import Probation
from .reclaimer import Reclaimer
from .registry import NodeSpec
from .render import Renderer
from .secrets import Secrets
from .taker import Taker
from .wanted import Wanted
from .watcher import Watcher

log = structlog.get_logger()

ENTRANCE_S = 0.2
PROBATION_S = 0.25  # between two looks whether a suspect may start now


class Worker:
    """Serves node types until `stop`. One `run` a worker.

    A page holds its slot until its functions have returned, and its entry until Redis has its
    results.
    """

    def __init__(
        self,
        nodes: Iterable[NodeSpec],
        *,
        bus: RuntimeBus,
        thread_bus: ThreadBus,
        blobs: Blobs,
        secrets: Secrets,
        options: WorkerOptions | None = None,
        clock: Clock | None = None,
        worker_id: str | None = None,
    ) -> None:
        self.options = options or WorkerOptions()
        self.id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._nodes = {spec.name: spec for spec in nodes}
        self._bus = bus
        self._clock = clock or SystemClock()
        self._started_at = self._clock.now_ms()
        self._live = LiveBuffer(bus, self.id, self._clock)
        self._executor = Executor(
            renderer=Renderer(secrets), blobs=blobs, live=self._live, clock=self._clock,
            options=self.options, worker_id=self.id,
        )  # fmt: skip
        self._taker = Taker(bus, self.id, list(self._nodes), self.options.block_ms)
        self._entrance = Entrance(bus, lambda: self._taker.partitions)
        self._wanted = Wanted(bus, self._clock)
        self._presence = Presence(
            bus, self.info, self._taker.serve_partitions, self._wanted.learn_time, self.options
        )
        self._reclaimer = Reclaimer(
            bus=bus, consumer=self.id, streams=lambda: self._taker.streams, options=self.options
        )
        self._probation = Probation(self._clock.monotonic, self.options.lease_ms / 1000)
        self._held: dict[tuple[int, str, str], Page] = {}
        self._completer = Completer(bus, self._released)
        self._watcher = Watcher(
            pages=self._held.values, split=self._split_soon, stop=self._stop_execution,
            live=self._live, clock=self._clock, options=self.options,
        )  # fmt: skip
        self._heartbeat = Heartbeat(
            bus=thread_bus, consumer=self.id, held=lambda: list(self._held.values()),
            stop=self._stop_from_thread, executor=self._executor, clock=self._clock,
            options=self.options,
        )  # fmt: skip
        self._threads = ThreadPoolExecutor(self.options.slots, thread_name_prefix="node")
        self._tasks: set[asyncio.Task[None]] = set()
        self._splits: set[asyncio.Task[None]] = set()
        self._in_threads: set[Page] = set()
        self._free = self.options.slots
        self._slot_freed = asyncio.Event()
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()

    # ── life ────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Serve until `stop`, then drain: no new pages, unstarted tokens given back, the rest
        finished within `drain_s` and then cancelled and given back."""
        self._loop = asyncio.get_running_loop()
        SLOTS.set(self.options.slots)
        if not await self._presence.learn_partitions(self._stopping):
            return
        self._heartbeat.start()
        duties = [
            self._loop.create_task(duty, name=name)
            for name, duty in (
                ("reclaim", self._reclaimer.run()),
                ("live", self._live.run()),
                ("register", self._presence.keep_registered()),
                ("partitions", self._presence.follow_partitions()),
            )
        ]
        try:
            await self._with_duties(duties)
        finally:
            await self._end(duties)

    async def _with_duties(self, duties: list[asyncio.Task[Any]]) -> None:
        """Take pages until `stop`; a duty that ends has failed, and the worker with it."""
        taking = self._loop.create_task(self._take_pages(), name="take")
        try:
            done, _ = await asyncio.wait([taking, *duties], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            await asyncio.wait([taking])  # not cancelled: what it is being given would be stranded
        for task in {taking, *done}:
            task.result()

    async def _end(self, duties: list[asyncio.Task[Any]]) -> None:
        self.ready.clear()
        await self._drain()
        for duty in duties:
            duty.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
        self._watcher.stop()
        await self._live.flush()
        self._heartbeat.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._presence.leave()

    def stop(self) -> None:
        """Begin to drain. Stopping twice is harmless."""
        self._stopping.set()
        self._slot_freed.set()

    @property
    def busy(self) -> int:
        """Slots in use, those of functions that do not return included."""
        return self.options.slots - self._free

    @property
    def has_stuck_threads(self) -> bool:
        """After `run`: plain functions that have not returned, and keep the process from ending."""
        return bool(self._in_threads)

    # ── taking ──────────────────────────────────────────────────────────────────────────────

    async def _take_pages(self) -> None:
        backoff = Backoff()
        self.ready.set()
        while not self._stopping.is_set():
            if not self._free:
                self._slot_freed.clear()
                await self._slot_freed.wait()
                continue
            try:
                if not await self._entrance.is_open():
                    await asyncio.sleep(ENTRANCE_S)
                    continue
                deliveries = await self._taker.take(self._free)
                if await self._start_all(deliveries):
                    await asyncio.sleep(PROBATION_S)
            except Unavailable as exc:
                self._entrance.doubt()
                self._log_away(backoff, exc)
                await backoff.wait()
            else:
                self._log_back(backoff)

    def _log_away(self, backoff: Backoff, exc: Unavailable) -> None:
        if not backoff.failures:
            log.warning("bus_away", error=str(exc))

    def _log_back(self, backoff: Backoff) -> None:
        if backoff.failures:
            log.info("bus_back")
        backoff.reset()

    async def _start_all(self, deliveries: list[Delivery]) -> bool:
        """Start as many as there are slots for; the rest goes back, and so does what came from a
        server that nobody vouches for. Whether suspects went back, for which it is too early."""
        if deliveries and not self._entrance.stands:
            for delivery in deliveries:
                await self._surrender(delivery)
            return False
        put_off = False
        cancels = await self._wanted.cancelled(deliveries)
        for delivery, flags in zip(deliveries, cancels, strict=True):
            admitted = self._probation.admits(delivery.deliveries)
            if admitted and self._free and not self._stopping.is_set():
                self._start(delivery, flags)
            else:
                put_off = put_off or not admitted
                await self._surrender(delivery)
        return put_off

    async def _surrender(self, delivery: Delivery) -> None:
        try:
            await self._bus.surrender(delivery, self.id)
        except Unavailable as exc:
            # It stays ours without a heartbeat: claimed after the lease, so late but not lost.
            log.warning("surrender_failed", entry=delivery.id, error=str(exc))

    def _start(self, delivery: Delivery, cancels: list[bool]) -> None:
        spec = self._nodes[delivery.type]
        page = Page(delivery, spec, self._clock.monotonic(), self._loop)
        if any(cancels):
            page.drop(cancels, failed(cancelled(), worker=self.id))
        page_tokens(spec.name).observe(len(delivery.tokens))
        self._free -= 1
        SLOTS_BUSY.set(self.busy)
        if self._probation.begin(page.key, delivery.deliveries):
            # Should it kill this process, this is the last that is heard of it.
            token_id, _ = delivery.tokens[0]
            log.warning("suspect_started", token=token_id, deliveries=delivery.deliveries)
        self._held[page.key] = page
        page.task = self._loop.create_task(self._run_page(page))
        self._tasks.add(page.task)
        page.task.add_done_callback(self._tasks.discard)
        self._watcher.wake()

    # ── running ─────────────────────────────────────────────────────────────────────────────

    async def _run_page(self, page: Page) -> None:
        try:
            while page.has_next:
                if page.spec.is_async:
                    await self._run_tokens(page)
                else:
                    await self._loop.run_in_executor(self._threads, self._run_in_thread, page)
                if page.splitting is not None:
                    await asyncio.shield(page.splitting)
        except asyncio.CancelledError:
            await self._give_back(page)
            raise
        except Exception:
            # Our own fault. The entry goes stale, is claimed, and ends after max_deliveries.
            log.exception("page_failed", type=page.spec.name, entry=page.delivery.id)
            page.close()
        finally:
            self._free += 1
            SLOTS_BUSY.set(self.busy)
            self._slot_freed.set()
            self._probation.end(page.key)
            page.execution = None
        self._completer.add(page)

    async def _run_tokens(self, page: Page) -> None:
        while (item := page.take_next()) is not None:
            page.add(item[0], await self._executor.run_async(page, *item))
            # Functions that never wait leave no turn to the watcher.
            if self._clock.monotonic() - page.started >= self.options.split_after_s:
                await self._split(page)
            while page.task is not None and is_cancelling(page.task):
                page.task.uncancel()

    def _run_in_thread(self, page: Page) -> None:
        self._in_threads.add(page)
        try:
            while (item := page.take_next()) is not None:
                page.add(item[0], self._executor.run_blocking(page, *item))
        finally:
            self._in_threads.discard(page)

    def _split_soon(self, page: Page) -> None:
        if page.splitting is None and page.has_unstarted:
            page.splitting = self._loop.create_task(self._split(page))
            self._splits.add(page.splitting)
            page.splitting.add_done_callback(self._splits.discard)

    async def _split(self, page: Page) -> None:
        view = page.begin_split()
        if view is None:
            return
        try:
            ours = await self._bus.split(
                view.delivery, self.id, view.results, view.in_hand[0], view.unstarted
            )
        except Unavailable as exc:
            log.warning("split_unknown", entry=view.delivery.id, error=str(exc))
            page.undo_split()
            page.started = self._clock.monotonic()  # not again at once
            return
        finally:
            page.splitting = None
        if ours:
            page.end_split(view)
            SPLITS.labels(page.spec.name).inc()
        else:
            self._lose(page)

    # ── stopping executions ─────────────────────────────────────────────────────────────────

    def _stop_execution(self, page: Page, execution: Execution, reason: StopReason) -> None:
        """On the loop: end this execution, unless it ended by itself."""
        if reason == "cancelled":
            self._wanted.note_cancel()
        if page.execution is not execution:
            return
        if reason == "lost":
            self._lose(page)
        else:
            execution.stop(reason)
            self._interrupt(page, execution)

    def _interrupt(self, page: Page, execution: Execution) -> None:
        """Throw CancelledError into an async function, once."""
        if page.spec.is_async and page.task is not None and not execution.interrupted:
            execution.interrupted = True
            page.task.cancel()

    def _stop_from_thread(self, page: Page, execution: Execution, reason: StopReason) -> None:
        if reason != "lost":
            execution.stop(reason)
        self._loop.call_soon_threadsafe(self._stop_execution, page, execution, reason)

    def _lose(self, page: Page) -> None:
        """Another worker holds the entry: what runs here is for nothing."""
        if not page.close():
            return
        LOST_ENTRIES.labels(page.spec.name).inc()
        log.warning("entry_lost", type=page.spec.name, entry=page.delivery.id)
        execution = page.execution
        if execution is not None:
            execution.stop("lost")
            self._interrupt(page, execution)

    # ── ending ──────────────────────────────────────────────────────────────────────────────

    def _released(self, page: Page) -> None:
        self._held.pop(page.key, None)

    async def _give_back(self, page: Page) -> None:
        """The drain's deadline passed: others run the token in hand again."""
        view = page.begin_split(results_alone=True)
        try:
            if view is not None:
                await self._bus.split(
                    view.delivery, self.id, view.results, view.in_hand[0], view.unstarted
                )
        except Unavailable as exc:
            log.warning("split_unknown", entry=page.delivery.id, error=str(exc))
        if page.close():
            await self._surrender(page.delivery)
        self._released(page)

    async def _drain(self) -> None:
        """Give back what has not started, finish the rest until the deadline, cancel what is left.

        Results get half a second at least to be reported.
        """
        deadline = self._loop.time() + self.options.drain_s
        self.stop()
        for page in list(self._held.values()):
            self._split_soon(page)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self.options.drain_s)
            await self._cancel(late)
        try:
            async with asyncio.timeout(max(0.5, deadline - self._loop.time())):
                await self._completer.drain()
        except TimeoutError:
            log.warning("results_not_reported", pages=len(self._held))

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        for page in list(self._held.values()):
            if page.task in tasks and page.execution is not None:
                page.execution.stop("drain")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ── telling others ──────────────────────────────────────────────────────────────────────

    def info(self) -> WorkerInfo:
        return WorkerInfo(
            id=self.id,
            kind=self.options.kind,
            types=[spec.type for spec in self._nodes.values()],
            slots=self.options.slots,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            busy=self.busy,
        )
