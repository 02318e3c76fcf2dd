"""Which view a socket gets: one run, or the list of runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from minuet.store.database import Database
from minuet.views.runs import RunViews

from .client import Client, Socket
from .feed import Feed
from .hub import Hub
from .listing import RunList
from .run_session import RunSession
from .target import Target

LIST_FRAMES: Final = 50


class Views:
    def __init__(
        self, db: Database, hub: Hub, listing: RunList, run_views: RunViews, *, buffer_frames: int
    ) -> None:
        self._db = db
        self._hub = hub
        self._listing = listing
        self._run_views = run_views
        self._buffer_frames = buffer_frames

    @asynccontextmanager
    async def shown(self, tenant: str, target: Target, socket: Socket) -> AsyncIterator[Client]:
        """A client that is fed while the context lasts; start it. Raises NotFound, Unavailable."""
        if target.run is None:
            async with self._list(tenant, socket) as client:
                yield client
        else:
            async with self._run(tenant, target.run, target.after, socket) as client:
                yield client

    @asynccontextmanager
    async def _list(self, tenant: str, socket: Socket) -> AsyncIterator[Client]:
        async def show(client: Client, again: bool) -> None:
            await self._listing.show(tenant, client)

        client = Client(socket, show, buffer_frames=LIST_FRAMES)
        self._listing.join(tenant, client)
        try:
            yield client
        finally:
            self._listing.leave(tenant, client)

    @asynccontextmanager
    async def _run(
        self, tenant: str, run: str, after: int | None, socket: Socket
    ) -> AsyncIterator[Client]:
        session: RunSession | None = None

        async def show(client: Client, again: bool) -> None:
            nonlocal session
            session = session or RunSession(self._db, self._hub, self._run_views, feed, after)
            await session.show(client, again)

        client = Client(socket, show, buffer_frames=self._buffer_frames)
        feed: Feed = await self._hub.join(tenant, run, client)
        try:
            yield client
        finally:
            self._hub.leave(feed, client)
