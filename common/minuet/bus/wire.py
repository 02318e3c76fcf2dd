"""One connection to Redis as an asyncio protocol: commands out, replies in the same order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import hiredis

from minuet.model.errors import BusUnavailable

Argument: TypeAlias = str | bytes | int
Reply: TypeAlias = Any
"""RESP2: bytes, int, None or a list of replies."""

_NOT_YET: Final = object()
HIGH_WATER_BYTES: Final = 8 * 1024 * 1024


class Wire(asyncio.Protocol):
    """Replies belong to futures by position: a waiter that was cancelled keeps its place.

    What one turn of the loop submits leaves in one write. An error reply becomes the exception
    hiredis.ReplyError; losing the connection fails every pending future with BusUnavailable.
    """

    def __init__(self, lost: Callable[[Wire], None]) -> None:
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOT_YET)
        self._pending: deque[asyncio.Future[Reply]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.heard_at = self._loop.time()

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @property
    def pending(self) -> int:
        return len(self._pending)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def submit(self, args: tuple[Argument, ...]) -> asyncio.Future[Reply]:
        """Queue a command; its reply arrives in the future. Raises BusUnavailable if closed."""
        if self._transport is None:
            raise BusUnavailable("not connected to Redis")
        packed = hiredis.pack_command(args)  # type: ignore[arg-type]  # its stub means tuple[X]
        if not self._out:
            self._loop.call_soon(self._flush)
        if not self._pending:
            self.heard_at = self._loop.time()
        self._out.append(packed)
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._pending.append(future)
        return future

    async def drained(self) -> None:
        """Wait while more than the high-water mark stands unsent."""
        await self._writable.wait()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def data_received(self, data: bytes) -> None:
        reader, pending = self._reader, self._pending
        self.heard_at = self._loop.time()
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOT_YET:
                _settle(pending.popleft(), reply)
        except (hiredis.ProtocolError, IndexError) as exc:
            self.abort(f"Redis sent what no command asked for: {exc}")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"connection to Redis lost: {exc or 'closed'}")

    def abort(self, reason: str) -> None:
        """Close at once; what is pending has an unknown outcome."""
        transport = self._transport
        self._fail(reason)
        if transport is not None:
            transport.abort()

    def _fail(self, reason: str) -> None:
        if self._transport is None:
            return
        self._transport = None
        self._writable.set()
        pending, self._pending = self._pending, deque()
        for future in pending:
            if not future.done():
                future.set_exception(BusUnavailable(reason))
        self._lost(self)


def _settle(future: asyncio.Future[Reply], reply: Reply) -> None:
    if future.done():
        return
    if isinstance(reply, hiredis.ReplyError):
        future.set_exception(reply)
    else:
        future.set_result(reply)
