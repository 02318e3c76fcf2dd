"""Bringing one client level with a run: a snapshot or what it missed, then the feed."""

from __future__ import annotations

import asyncio
from typing import Final

from minuet.store import lookup
from minuet.store.database import Database
from minuet.views.runs import RunViews, event_views

from .client import Client
from .feed import Feed
from .frames import RunSnapshot, encode, event_frames
from .hub import Hub

PAGE: Final = 200
PAUSE_S: Final = 0.1


class RunSession:
    """`after` is the last event that the client has, None if it wants a snapshot."""

    def __init__(
        self, db: Database, hub: Hub, views: RunViews, feed: Feed, after: int | None
    ) -> None:
        self._db = db
        self._hub = hub
        self._views = views
        self._feed = feed
        self._position = after

    async def show(self, client: Client, again: bool) -> None:
        """See Client. What was sent is remembered, so that a second try repeats nothing."""
        feed, epoch = self._feed, self._feed.epoch
        if again:
            self._position = None
        if self._position is None:
            view = await self._views.show(feed.tenant, feed.run)
            await client.send(encode(RunSnapshot(view)))
            self._position = view.seq
        while feed.epoch == epoch:
            frames = feed.frames_after(self._position)
            if frames is not None:
                client.level(frames)
                return
            if self._position > feed.seq:
                await self._hub.repair(feed, "position")
                if feed.epoch == epoch and self._position > feed.seq:
                    client.start_over("position")
                    return
            elif not await self._send_recorded(client):
                await asyncio.sleep(PAUSE_S)  # the tail was cut, and Postgres is behind it

    async def _send_recorded(self, client: Client) -> int:
        """Send recorded events after the position; how many."""
        position = self._position or 0
        async with self._db.connection() as c:
            rows = await lookup.transitions_after(c, self._feed.run, position, limit=PAGE)
        events = [
            event for row in rows for event in event_views(self._feed.run, row)
            if event.id > position
        ]  # fmt: skip
        for event, frame in zip(events, event_frames(events), strict=True):
            await client.send(frame)
            self._position = event.id
        return len(events)
