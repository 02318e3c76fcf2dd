"""Reports finished pages: everything that finished within one turn of the loop in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from minuet.bus.api import WorkerBus
from minuet.model.errors import Unavailable

from .backoff import Backoff
from .metrics import LOST_ENTRIES
from .page import Page

log = structlog.get_logger()


class Completer:
    """One call is under way at a time; what finishes meanwhile goes into the next. A call that
    failed is repeated beside it, partition by partition: of a cluster one node may be away.

    Results stay in memory until Redis took them: completing twice is harmless, because the
    acknowledgement of an entry succeeds once.
    """

    def __init__(self, bus: WorkerBus, on_reported: Callable[[Page], None]) -> None:
        self._bus = bus
        self._on_reported = on_reported
        self._waiting: list[Page] = []
        self._task: asyncio.Task[None] | None = None
        self._repeating: set[asyncio.Task[None]] = set()

    def add(self, page: Page) -> None:
        """Report the page's results soon; `on_reported` follows once Redis answered."""
        self._waiting.append(page)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="complete")

    async def drain(self) -> None:
        """Return when everything is reported."""
        while self._task is not None or self._repeating:
            if self._task is not None:
                await self._task
            await asyncio.gather(*self._repeating)

    async def _run(self) -> None:
        try:
            while self._waiting:
                pages, self._waiting = self._waiting, []
                await self._report(pages)
        finally:
            self._task = None

    async def _report(self, pages: list[Page]) -> None:
        try:
            await self._try(pages, retried=False)
        except Unavailable as exc:
            log.warning("complete_retried", pages=len(pages), error=str(exc))
            by_partition: dict[int, list[Page]] = {}
            for page in pages:
                by_partition.setdefault(page.delivery.p, []).append(page)
            for of_one in by_partition.values():
                task = asyncio.get_running_loop().create_task(self._repeat(of_one))
                self._repeating.add(task)
                task.add_done_callback(self._repeating.discard)

    async def _repeat(self, pages: list[Page]) -> None:
        """Until Redis answers; its reply may have been lost, so first at once."""
        backoff = Backoff()
        while True:
            try:
                await self._try(pages, retried=True)
            except Unavailable as exc:
                log.warning("complete_retried", pages=len(pages), error=str(exc))
                await backoff.wait()
            else:
                return

    async def _try(self, pages: list[Page], *, retried: bool) -> None:
        pages = [page for page in pages if self._still_open(page)]
        try:
            taken = await self._bus.complete([page.done() for page in pages]) if pages else []
        except Unavailable:
            raise
        except Exception:
            log.exception("complete_refused", pages=len(pages))
            await self._report_singly(pages)
            return
        for page, ours in zip(pages, taken, strict=True):
            self._reported(page, ours=ours, retried=retried)

    async def _report_singly(self, pages: list[Page]) -> None:
        """After a refusal for good: find the page it was about, so that the others get through.

        That one is let go: it goes stale, is claimed, and ends after max_deliveries.
        """
        if len(pages) == 1:
            pages[0].close()
            self._on_reported(pages[0])
            return
        for page in pages:
            await self._report([page])

    def _still_open(self, page: Page) -> bool:
        """A page that was closed while it waited is not ours to report."""
        if page.closed:
            self._on_reported(page)
        return not page.closed

    def _reported(self, page: Page, *, ours: bool, retried: bool) -> None:
        page.close()
        if not ours and not retried:  # after a lost reply, "not ours" most likely means it worked
            LOST_ENTRIES.labels(page.spec.name).inc()
            log.warning("entry_lost", type=page.spec.name, entry=page.delivery.id)
        self._on_reported(page)
