"""A client that follows a run over a socket, whatever becomes of the other end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin


class Follower:
    """A client as docs/live.md asks for: a new ticket and `after=` at every connection.

    `api` asks below `/api/v1` of `origin`. `ids` are those of the events that it was shown.
    """

    def __init__(self, origin: str, api: httpx.AsyncClient, run: str) -> None:
        self._origin = origin
        self._api = api
        self._run = run
        self.ids: list[int] = []
        self.connections = 0
        self.met_run = asyncio.Event()

    async def follow(self) -> None:
        """Until `run.ended` was seen."""
        while True:
            try:
                ticket = (await self._api.post("/tickets")).json()
                url = f"{ticket['url']}/ws/runs/{self._run}?after={len(self.ids)}"
                async with connect(
                    f"{url}&ticket={ticket['ticket']}", origin=Origin(self._origin), proxy=None
                ) as socket:
                    self.connections += 1
                    async for message in socket:
                        if self._take(msgspec.json.decode(message)):
                            return
            except (ConnectionClosed, InvalidHandshake, OSError):
                await asyncio.sleep(0.05)

    def _take(self, frame: dict[str, Any]) -> bool:
        assert frame["kind"] in ("event", "live", "ping"), frame
        if frame["kind"] != "event":
            return False
        self.ids.append(frame["event"]["id"])
        self.met_run.set()
        return bool(frame["event"]["type"] == "run.ended")
