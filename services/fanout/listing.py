"""The list of runs, live: what changed in a tenant, gathered a few times a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Final

import structlog

from minuet.model.errors import Unavailable
from minuet.service import stopped_within
from minuet.store import feeds, runs
from minuet.store.database import Database
from minuet.store.runs import RunLine
from minuet.views.runs import line_view

from .client import Client
from .frames import ListChange, ListSnapshot, encode

log = structlog.get_logger()

GATHER_S: Final = 0.2
LOOK_S: Final = 5.0
PAGE: Final = 100
MOST_CHANGES: Final = 200
KEPT_STATUSES: Final = 50_000


class RunList:
    """Announcements of the recorder say which runs changed, and may be lost: every few seconds
    the newest runs of each watched tenant are looked up, too. Nothing is asked while nobody
    watches."""

    def __init__(self, db: Database, *, gather_s: float = GATHER_S, look_s: float = LOOK_S) -> None:
        self._db = db
        self._gather_s = gather_s
        self._look_s = look_s
        self._clients: defaultdict[str, set[Client]] = defaultdict(set)
        self._statuses: OrderedDict[str, int] = OrderedDict()
        self._shown: dict[str, dict[str, RunLine]] = {}
        self._changed: set[str] = set()
        self._showing: dict[Client, list[bytes]] = {}
        self._some = asyncio.Event()

    def join(self, tenant: str, client: Client) -> None:
        self._clients[tenant].add(client)
        self._some.set()

    def leave(self, tenant: str, client: Client) -> None:
        self._clients[tenant].discard(client)
        if not self._clients[tenant]:
            del self._clients[tenant]
            self._shown.pop(tenant, None)

    async def show(self, tenant: str, client: Client) -> None:
        """The newest runs, then what was told while they were looked up."""
        told = self._showing[client] = []
        try:
            lines = await self._newest(tenant)
            client.level([encode(ListSnapshot([line_view(line) for line in lines])), *told])
        finally:
            del self._showing[client]

    def recorded(self, run: str, status: int) -> None:
        """A run was recorded in this status."""
        if not self._clients or self._statuses.get(run) == status:
            return
        self._statuses[run] = status
        self._statuses.move_to_end(run)
        while len(self._statuses) > KEPT_STATUSES:
            self._statuses.popitem(last=False)
        self._changed.add(run)
        self._some.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Duty: tell changes, at most one frame a client every `gather_s`."""
        loop = asyncio.get_running_loop()
        look_at = loop.time() + self._look_s
        while not await stopped_within(stop, self._gather_s):
            try:
                if self._changed:
                    await self._tell_changed()
                if loop.time() >= look_at:
                    look_at = loop.time() + self._look_s
                    await self.look()
            except Unavailable as error:
                log.warning("list_delayed", reason=str(error))
            if not self._clients:
                await self._until_watched(stop)

    async def _until_watched(self, stop: asyncio.Event) -> None:
        self._statuses.clear()
        self._changed.clear()
        self._some.clear()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._some, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _tell_changed(self) -> None:
        changed, self._changed = self._changed, set()
        try:
            async with self._db.connection() as c:
                found = await feeds.lines_of(c, list(self._clients), list(changed))
        except Unavailable:
            self._changed |= changed
            raise
        lines: defaultdict[str, list[RunLine]] = defaultdict(list)
        for tenant, line in found:
            lines[tenant].append(line)
        for tenant, of_tenant in lines.items():
            self._tell(tenant, of_tenant)

    async def look(self) -> None:
        """Tell what the newest runs say that was not told."""
        for tenant in list(self._clients):
            known = self._shown.get(tenant, {})
            newest = await self._newest(tenant)
            if changed := [line for line in newest if known.get(line.id) != line]:
                self._tell(tenant, changed)

    def _tell(self, tenant: str, lines: list[RunLine]) -> None:
        """Of more changes than anybody can read only the newest runs are told."""
        self._note(tenant, lines)
        frame = encode(ListChange([line_view(line) for line in lines[:MOST_CHANGES]]))
        for client in self._clients.get(tenant, ()):
            client.offer(frame)
            if client in self._showing:
                self._showing[client].append(frame)

    async def _newest(self, tenant: str) -> list[RunLine]:
        async with self._db.connection() as c:
            lines = await runs.list_runs(
                c, tenant, statuses=None, workflow=None, after=None, limit=PAGE
            )
        if tenant not in self._shown:
            self._note(tenant, lines)
        return lines[:PAGE]

    def _note(self, tenant: str, lines: Iterable[RunLine]) -> None:
        shown = self._shown.setdefault(tenant, {})
        shown.update((line.id, line) for line in lines)
        if len(shown) > 4 * PAGE:
            newest = sorted(shown.values(), key=lambda line: line.accepted_at)[-2 * PAGE :]
            self._shown[tenant] = {line.id: line for line in newest}
