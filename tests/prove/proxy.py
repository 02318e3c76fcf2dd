"""A proxy between one process and one of its servers that kills the process at a named step.

The decision is made here, outside: the product knows nothing of it. Sockets are unix ones, so that
the kernel tells which process is at the other end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from .codecs import Codec, HttpCodec, PostgresCodec, RedisCodec

When: TypeAlias = Literal["before", "after", "reply"]
"""`before`: the server never sees the request. `after`: the server has answered, the process never
sees that. `reply`: the process has been sent the reply, and dies with it in hand."""
CHUNK_BYTES = 1 << 16


@dataclass
class Rule:
    """Kill the process at the `nth` occurrence of `step` from now on."""

    step: str
    when: When
    nth: int = 1
    seen: int = 0
    pid: int = 0
    killed_at: float = 0.0
    fired: threading.Event = field(default_factory=threading.Event)

    def names(self, step: str) -> bool:
        """`COMMIT` is any commit, `COMMIT INSERT runs` one that did that first."""
        return step == self.step or step.startswith(f"{self.step} ")

    def wait(self, timeout_s: float = 60.0) -> None:
        """Until the process was killed. Raises AssertionError if the step does not come."""
        assert self.fired.wait(timeout_s), f"no {self.step} within {timeout_s:g} s"


class Proxy:
    """Passes everything on until a rule is armed. `steps` counts what passed, by step.

    Open it, arm it and close it on one loop; `arm` may be called from any thread.
    """

    def __init__(self, upstream: str, path: Path) -> None:
        self.path = path
        self.steps: Counter[str] = Counter()
        self._upstream = upstream
        self._rule: Rule | None = None
        self._dead: set[int] = set()
        self._server: asyncio.Server | None = None
        self._links: set[Link] = set()

    def codec(self) -> Codec:
        raise NotImplementedError

    def peer(self, writer: asyncio.StreamWriter) -> int:
        """The process at the other end of a connection."""
        return peer_pid(writer)

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._upstream)

    async def close(self) -> None:
        """Twice is harmless."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def arm(self, step: str, when: When, nth: int = 1) -> Rule:
        """Takes the place of a rule that did not fire."""
        self._rule = Rule(step, when, nth)
        return self._rule

    def disarm(self) -> None:
        self._rule = None

    def cut(self) -> None:
        """Close every connection at once; new ones are served."""
        for link in list(self._links):
            link.close()

    def notice(self, step: str) -> Rule | None:
        """Count a request; the rule, if this is the moment."""
        if not step:
            return None
        self.steps[step] += 1
        rule = self._rule
        if rule is None or not rule.names(step):
            return None
        rule.seen += 1
        if rule.seen != rule.nth:
            return None
        self._rule = None
        return rule

    def kill(self, pid: int, rule: Rule) -> None:
        """From now on nothing passes to or from this process."""
        self._dead.add(pid)
        os.kill(pid, signal.SIGKILL)
        rule.pid, rule.killed_at = pid, time.time()
        rule.fired.set()

    def is_dead(self, pid: int) -> bool:
        return pid in self._dead

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await self.dial()
        except OSError:
            writer.close()  # as the server itself would: nobody listens
            return
        link = Link(self, reader, writer, *server)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class Link:
    """One connection of the process, and its twin to the server."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader, server_writer: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        self._proxy = proxy
        self._codec = proxy.codec()
        self._reader, self._writer = reader, writer
        self._server_reader, self._server_writer = server_reader, server_writer
        self._pid = proxy.peer(writer)
        self._awaited: tuple[int, Rule] | None = None

    async def run(self) -> None:
        """Until one side closes."""
        pumps = [asyncio.ensure_future(self._up()), asyncio.ensure_future(self._down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def close(self) -> None:
        self._writer.close()
        self._server_writer.close()

    async def _up(self) -> None:
        while data := await self._reader.read(CHUNK_BYTES):
            for raw, step in self._codec.requests(data):
                if self._proxy.is_dead(self._pid):
                    return
                rule = self._proxy.notice(step)
                if rule is not None and rule.when == "before":
                    self._proxy.kill(self._pid, rule)
                    return
                if rule is not None:
                    self._awaited = self._codec.reply_to_last(), rule
                self._server_writer.write(raw)
            await self._server_writer.drain()

    async def _down(self) -> None:
        while data := await self._server_reader.read(CHUNK_BYTES):
            answered = self._codec.replies(data)
            rule = self._due(answered)
            if self._proxy.is_dead(self._pid):
                return
            if rule is not None and rule.when == "after":
                self._proxy.kill(self._pid, rule)
                return
            self._writer.write(data)
            await self._writer.drain()
            if rule is not None:
                self._proxy.kill(self._pid, rule)
                return

    def _due(self, answered: int) -> Rule | None:
        if self._awaited is None or answered < self._awaited[0]:
            return None
        return self._awaited[1]


class RedisProxy(Proxy):
    def codec(self) -> Codec:
        return RedisCodec()


class PostgresProxy(Proxy):
    def codec(self) -> Codec:
        return PostgresCodec()


class ModelProxy(Proxy):
    """Between the agent runner and a model server: TCP, whose ends have no process id. `pid` tells
    it. Its one step is `POST`."""

    def __init__(self, upstream_port: int, port: int, pid: Callable[[], int]) -> None:
        super().__init__("", Path())
        self._ports = upstream_port, port
        self._pid = pid

    def codec(self) -> Codec:
        return HttpCodec()

    def peer(self, writer: asyncio.StreamWriter) -> int:
        return self._pid()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._ports[1])

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._ports[0])


def peer_pid(writer: asyncio.StreamWriter) -> int:
    """The process that connected."""
    made: socket.socket = writer.get_extra_info("socket")
    found = made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", found)[0]
    return pid
