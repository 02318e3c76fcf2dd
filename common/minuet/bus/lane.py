"""A connection that comes back: dials, greets, notices silence and reconnects with back-off."""

from __future__ import annotations

import asyncio
from typing import Final

import hiredis

from minuet.model.errors import BusUnavailable

from .address import Address
from .wire import Argument, Reply, Wire

DIAL_TIMEOUT_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 1.0
SILENCE_S: Final = 15.0
"""No reply for so long while one is owed: the connection counts as dead."""


class Lane:
    """`call` waits for a connection at most `patience_s`, then raises BusUnavailable.

    A call that was sent is never sent again: when the connection drops, its outcome is unknown
    and it raises BusUnavailable. `connections` counts how often the lane connected;
    `client_id` is the server's number of the last connection.
    """

    def __init__(
        self, address: Address, *, patience_s: float = 2.0, silence_s: float = SILENCE_S
    ) -> None:
        self._address = address
        self._tls = address.tls
        self._patience_s = patience_s
        self._silence_s = silence_s
        self._wire: Wire | None = None
        self._ready = asyncio.Event()
        self._dialling: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False
        self._refused: Exception | None = None
        self.connections = 0
        self.client_id = 0

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, None if there is one."""
        return None if self._wire else f"{self._address}: {self._refused or 'not connected'}"

    async def open(self) -> None:
        """Connect once. Raises BusUnavailable at the first failure."""
        try:
            await self._dial()
        except (OSError, hiredis.ReplyError) as exc:
            raise BusUnavailable(f"{self._address}: {exc}") from exc

    async def call(self, *args: Argument) -> Reply:
        """One command, one reply. Raises hiredis.ReplyError for an error reply."""
        return await (await self.submit(*args))

    async def submit(self, *args: Argument) -> asyncio.Future[Reply]:
        """Queue a command in order; the future brings its reply."""
        wire = self._wire
        if wire is None:
            wire = await self._connected()
        await wire.drained()
        return wire.submit(args)

    def expect_reply_within(self, seconds: float) -> None:
        """For blocking commands: silence up to so long is no sign of death."""
        self._silence_s = max(self._silence_s, seconds)

    def drop(self, reason: str) -> None:
        """Give up the connection; the next call makes a new one."""
        if self._wire is not None:
            self._wire.abort(reason)

    async def close(self) -> None:
        """Close for good; pending calls raise BusUnavailable. Twice is harmless."""
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
        self.drop("the bus was closed")

    async def _connected(self) -> Wire:
        if self._closed:
            raise BusUnavailable("the bus was closed")
        self._redial()
        try:
            async with asyncio.timeout(self._patience_s):
                await self._ready.wait()
        except TimeoutError as exc:
            raise BusUnavailable(f"{self._address}: {self._refused or 'no answer'}") from exc
        if self._wire is None:
            raise BusUnavailable(f"{self._address}: lost again at once")
        return self._wire

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DIAL_TIMEOUT_S):
            if self._address.path:
                _, wire = await loop.create_unix_connection(
                    lambda: Wire(self._on_lost), self._address.path
                )
            else:
                _, wire = await loop.create_connection(
                    lambda: Wire(self._on_lost),
                    self._address.host,
                    self._address.port,
                    ssl=self._tls,
                )
            try:
                greeting = [*self._address.greeting(), ("CLIENT", "ID")]
                *_, self.client_id = await asyncio.gather(*map(wire.submit, greeting))
            except BaseException:
                wire.abort("greeting failed")
                raise
        if not wire.is_open:
            raise ConnectionResetError("closed during the greeting")
        self._wire, self._refused = wire, None
        self.connections += 1
        self._ready.set()
        self._watch_silence()

    def _redial(self) -> None:
        if not self._closed and (self._dialling is None or self._dialling.done()):
            self._dialling = asyncio.get_running_loop().create_task(self._dial_until_there())

    async def _dial_until_there(self) -> None:
        pause = 0.0
        while self._wire is None:
            await asyncio.sleep(pause)
            pause = min(max(FIRST_PAUSE_S, 2 * pause), LONGEST_PAUSE_S)
            try:
                await self._dial()
            except (OSError, BusUnavailable, hiredis.ReplyError) as exc:
                self._refused = exc

    def _on_lost(self, wire: Wire) -> None:
        if wire is not self._wire:
            return
        self._wire = None
        self._ready.clear()
        self._redial()

    def _watch_silence(self) -> None:
        """Once a period, not once a call: a timer for every command would cost more than it."""
        wire = self._wire
        loop = asyncio.get_running_loop()
        if wire is not None and wire.pending and loop.time() - wire.heard_at > self._silence_s:
            wire.abort(f"no reply for {self._silence_s:g} s")
        if self._watch is not None:
            self._watch.cancel()
        if not self._closed:
            self._watch = loop.call_later(self._silence_s / 4, self._watch_silence)
