"""One socket's outgoing side: a bounded buffer, and a task only while there is something to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog
from websockets.exceptions import ConnectionClosed

from minuet.model.errors import NotFound, Unavailable

from . import metrics
from .frames import Resync, encode

log = structlog.get_logger()

BUFFER_BYTES: Final = 8 * 1024 * 1024
RETRY_S: Final = 0.5

INTERNAL_ERROR: Final = 1011
GONE: Final = 4404


class Socket(Protocol):
    """The part of a WebSocket connection that a client needs."""

    async def send(self, message: bytes, *, text: bool) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


class Client:
    """`offer` never waits. A client that is too far behind loses its buffer; once it takes frames
    again it is told `resync` and is shown everything anew.

    `show(client, again)` sends what a client must know before frames can be offered to it, and
    ends by calling `level`. It may raise Unavailable: then it is called again.
    """

    def __init__(
        self,
        socket: Socket,
        show: Callable[[Client, bool], Awaitable[None]],
        *,
        buffer_frames: int,
    ) -> None:
        self._socket = socket
        self._show = show
        self._limit = buffer_frames
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._level = False
        self._reason: str | None = None
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self._ending: tuple[int, str] | None = None

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent."""
        return self._pump is None or self._pump.done()

    async def send(self, frame: bytes) -> None:
        """Send at once, past the buffer: for `show`. Waits while the peer is slow."""
        metrics.FRAMES.inc()
        await self._socket.send(frame, text=True)

    def start(self) -> None:
        """Show the beginning."""
        self._wake()

    def offer(self, frame: bytes) -> None:
        """Queue a frame; dropped while the client is not level, for then it gets all anew."""
        if not self._level:
            return
        if len(self._frames) >= self._limit or self._bytes + len(frame) > BUFFER_BYTES:
            self.start_over("slow")
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._wake()

    def offer_extra(self, frame: bytes) -> None:
        """Queue a frame that may be left out: only while the buffer is less than half full."""
        if 2 * len(self._frames) < self._limit and 2 * self._bytes < BUFFER_BYTES:
            self.offer(frame)

    def start_over(self, reason: str) -> None:
        """Forget what waits and show everything anew; the last reason is told."""
        metrics.RESYNCS.labels(reason).inc()
        self._clear()
        self._level, self._reason = False, reason
        self._wake()

    def level(self, frames: list[bytes]) -> None:
        """Called by `show` in one step with joining the source: what is offered from now on
        follows these frames."""
        self._frames.extend(frames)
        self._bytes += sum(map(len, frames))
        self._level, self._reason = True, None

    def end(self, code: int, reason: str) -> None:
        """Close the socket once what waits was sent."""
        self._ending = (code, reason)
        self._wake()

    async def flushed(self) -> None:
        """Returns when nothing waits to be sent any more."""
        if self._pump is not None and not self._pump.done():
            await asyncio.wait({self._pump})

    async def close(self) -> None:
        """Stop sending; the socket is not touched."""
        self._closed = True
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})

    def _clear(self) -> None:
        self._frames.clear()
        self._bytes = 0

    def _wake(self) -> None:
        if self.idle and not self._closed:
            self._pump = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while not self._level or self._frames:
                if self._level:
                    await self._send_first()
                else:
                    await self._begin()
            if self._ending is not None:
                self._closed = True
                await self._socket.close(*self._ending)
        except ConnectionClosed:
            self._closed = True
            self._clear()
        except NotFound as error:  # deleted meanwhile
            self._closed = True
            await self._socket.close(GONE, str(error)[:100])
        except Exception as error:
            log.exception("client_failed", reason=str(error))
            self._closed = True
            await self._socket.close(INTERNAL_ERROR, "the view failed")

    async def _send_first(self) -> None:
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        await self.send(frame)

    async def _begin(self) -> None:
        again = self._reason is not None
        if self._reason is not None:
            await self.send(encode(Resync(self._reason)))
        try:
            await self._show(self, again)
        except Unavailable as error:
            log.warning("view_delayed", reason=str(error))
            await asyncio.sleep(RETRY_S)
