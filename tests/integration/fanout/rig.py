"""A fanout on real servers, and the clients that watch it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.ir.builtin import builtin_node_types
from minuet.ir.compile import compile_document
from minuet.model.event import Event
from minuet.model.ticket import Ticket, ticket_name
from minuet.services.fanout.fanout import Fanout
from minuet.services.recorder.recorder import Recorder
from minuet.settings import FanoutSettings
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from tests.support.records import TENANT, Owner, accept, ending, transition

WAIT_S = 10.0
ORIGIN = "http://here:1"
DOCUMENT = {
    "apiVersion": "minuet/v1",
    "name": "w",
    "nodes": [{"id": "a", "type": "transform", "config": {"value": 1}}],
}


def run_id(number: int, p: int = 0) -> str:
    return f"{p}-01kb9f3r1s8v6c2m4x7q{number:06}"


class Watcher:
    """A client of a socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def frame(self) -> Any:
        async with asyncio.timeout(WAIT_S):
            return msgspec.json.decode(await self.socket.recv())

    async def events(self, last: int) -> list[int]:
        """Ids of events up to and with `last`; anything but events and live frames fails."""
        ids: list[int] = []
        while not ids or ids[-1] != last:
            frame = await self.frame()
            if frame["kind"] == "event":
                ids.append(frame["event"]["id"])
            else:
                assert frame["kind"] in ("live", "ping"), frame
        return ids

    async def until(self, kind: str) -> Any:
        while (frame := await self.frame())["kind"] != kind:
            pass
        return frame


class Rig:
    def __init__(self, db: Database, bus: RedisBus, database_url: str) -> None:
        self.db = db
        self.bus = bus
        self.owner = Owner(bus)
        self.recorder = Recorder(db, bus, block_ms=0)
        self._database_url = database_url
        self.fanout: Fanout

    async def accept(self, *runs: str, tenant: str = TENANT) -> None:
        """Runs with a document that is stored, as a snapshot needs it."""
        await accept(self._database_url, *runs)
        compiled = compile_document(DOCUMENT, builtin_node_types())
        cas = DurableCas(Cas(self.bus, Blobs(self.db)))
        digest = await cas.put(tenant, compiled.ir_json())
        await self.db.execute(
            "update runs set ir_digest = $1, tenant = $3 where id = any($2::text[])",
            digest, list(runs), tenant,
        )  # fmt: skip

    async def record(self) -> None:
        """Store and delete everything that was committed."""
        while await self.recorder.turn():
            pass

    async def steps(
        self, run: str, count: int, *, seq: int = 0, prev: str = "", size: int = 0
    ) -> str:
        """Commit transitions of one event each after `seq`; the last commit."""
        told = Event("warning", data={"code": "x", "message": "y" * size})
        for at in range(seq + 1, seq + count + 1):
            prev = await self.owner.commit(transition(run, seq=at, prev=prev, events=[told]))
        return prev

    async def end(self, run: str, *, seq: int, prev: str) -> str:
        return await self.owner.commit(ending(run, seq=seq, prev=prev))

    @asynccontextmanager
    async def elsewhere(self) -> AsyncIterator[None]:
        """Commits and records of the block go through keys that no fanout reads."""
        here = self.owner, self.recorder
        bus = RedisBus.at(self.bus.address.url, f"{self.bus._keys.prefix}elsewhere:")
        self.owner = Owner(bus, name="elsewhere")
        self.recorder = Recorder(self.db, bus, block_ms=0)
        yield
        self.owner, self.recorder = here
        await bus.close()

    async def ticket(self, tenant: str = TENANT) -> str:
        secret = secrets.token_urlsafe(16)
        holder = msgspec.json.encode(Ticket("somebody", tenant))
        await self.bus.put_ticket(ticket_name(secret), holder, ttl_s=30)
        return secret

    def connect(
        self, path: str, ticket: str = "", *, origin: str | None = None, **options: Any
    ) -> connect:
        sep = "&" if "?" in path else "?"
        url = f"ws://127.0.0.1:{self.fanout.sockets.port}{path}{sep}ticket={ticket}"
        return connect(url, origin=origin, compression=None, proxy=None, **options)  # type: ignore[arg-type]

    @asynccontextmanager
    async def watch(
        self, run: str | None, *, after: int | None = None, **options: Any
    ) -> AsyncIterator[Watcher]:
        path = "/ws/runs" if run is None else f"/ws/runs/{run}"
        path += "" if after is None else f"?after={after}"
        async with self.connect(path, await self.ticket(), **options) as socket:
            yield Watcher(socket)

    @asynccontextmanager
    async def serving(
        self, *, without: tuple[str, ...] = (), **settings: Any
    ) -> AsyncIterator[Fanout]:
        """A fanout with its duties, but `without` some of them."""
        cas = DurableCas(Cas(self.bus, Blobs(self.db)))
        chosen = replace(FanoutSettings(port=0, origins=(ORIGIN,)), **settings)
        self.fanout = Fanout(chosen, self.db, self.bus, cas)
        stop = asyncio.Event()
        duties = {k: v for k, v in self.fanout.duties().items() if k not in (*without, "sockets")}
        async with asyncio.TaskGroup() as group:
            for duty in duties.values():
                group.create_task(duty(stop))
            try:
                async with self.fanout.sockets.serving():
                    yield self.fanout
            finally:
                stop.set()
