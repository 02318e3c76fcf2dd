"""The WebSocket server: who may connect, what each socket shows, how it is closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import IntEnum
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Origin

from minuet.bus.api import TicketBus
from minuet.model.errors import InvalidInput, MinuetError, NotFound, Unavailable
from minuet.model.ticket import Ticket, ticket_name
from minuet.settings import FanoutSettings

from . import metrics
from .client import GONE, Client
from .frames import Ping, encode
from .target import Target, parse_target
from .views import Views

log = structlog.get_logger()

MAX_MESSAGE_BYTES: Final = 1024  # nothing is expected from clients
WRITE_BYTES: Final = 64 * 1024
FLUSH_S: Final = 1.0
CLOSE_S: Final = 2.0
PINGS_AT_ONCE: Final = 200


class Close(IntEnum):
    """Close codes beside the standard ones; see docs/live.md."""

    TRY_AGAIN = 1013
    BAD_REQUEST = 4400
    BAD_TICKET = 4401
    UNKNOWN_RUN = GONE
    SESSION_OVER = 4408


class BadTicket(MinuetError):
    """It is unknown, was used, or its time is over."""

    code = "bad_ticket"


class Sockets:
    def __init__(self, settings: FanoutSettings, bus: TicketBus, views: Views) -> None:
        self._settings = settings
        self._bus = bus
        self._views = views
        self._open: dict[ServerConnection, tuple[Client, float]] = {}
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Where it listens; for settings that ask for a free port."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def listening(self) -> bool:
        return self._server is not None and self._server.is_serving()

    async def run(self, stop: asyncio.Event) -> None:
        """Duty. At the end what waits is sent, then every socket is closed with 1001."""
        async with self.serving():
            await stop.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        quiet = logging.getLogger("minuet.fanout.sockets")
        quiet.setLevel(logging.CRITICAL)  # the library tells every peer's mistake as an error
        settings = self._settings
        self._server = await serve(
            self._handle, settings.host, settings.port,
            origins=[*(Origin(origin) for origin in settings.origins), None],
            process_request=self._admit, compression=None, server_header=None, logger=quiet,
            max_size=MAX_MESSAGE_BYTES, max_queue=1, write_limit=WRITE_BYTES,
            ping_interval=settings.ping_s, ping_timeout=2 * settings.ping_s, close_timeout=CLOSE_S,
        )  # fmt: skip
        log.info("serving", host=settings.host, port=self.port)
        try:
            yield
        finally:
            await self._flush()
            self._server.close(reason="the server stops")
            await self._server.wait_closed()

    async def ping(self, stop: asyncio.Event) -> None:
        """Duty: tell every client that the server lives, and end sessions that are too old."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(self._settings.ping_s):
                    await stop.wait()
            except TimeoutError:
                await self._ping_all()

    async def _ping_all(self) -> None:
        frame = encode(Ping(datetime.now(UTC)))
        oldest = time.monotonic() - self._settings.session_s
        for number, (client, since) in enumerate(list(self._open.values()), 1):
            client.offer(frame)
            if since < oldest:
                client.end(Close.SESSION_OVER, "come again with a new ticket")
            if number % PINGS_AT_ONCE == 0:
                await asyncio.sleep(0)  # let events go first

    async def _flush(self) -> None:
        waiting = [client.flushed() for client, _ in self._open.values()]
        try:
            async with asyncio.timeout(FLUSH_S):
                await asyncio.gather(*waiting)
        except TimeoutError:
            log.warning("clients_not_flushed")

    # ── one connection ─────────────────────────────────────────────────────────────────────────

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Before the handshake is answered; the origin is checked by the library, too."""
        try:
            parse_target(request.path)
        except NotFound as error:
            return socket.respond(HTTPStatus.NOT_FOUND, f"{error}\n")
        except InvalidInput:
            return None  # told by a close code, which a browser can read
        if len(self._open) >= self._settings.max_clients:
            metrics.REFUSED.labels("full").inc()
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        try:
            await self._serve(socket)
        except ConnectionClosed:
            return
        except BadTicket as error:
            await self._refuse(socket, Close.BAD_TICKET, error)
        except NotFound as error:
            await self._refuse(socket, Close.UNKNOWN_RUN, error)
        except InvalidInput as error:
            await self._refuse(socket, Close.BAD_REQUEST, error)
        except Unavailable as error:
            await self._refuse(socket, Close.TRY_AGAIN, error)
        except Exception as error:
            log.exception("socket_failed", reason=str(error))
            raise  # the library closes with 1011

    async def _refuse(self, socket: ServerConnection, code: Close, error: MinuetError) -> None:
        metrics.REFUSED.labels(error.code).inc()
        await socket.close(code, str(error)[:100])

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        target = parse_target(socket.request.path)
        holder = await self._holder(target)
        view = "list" if target.run is None else "run"
        async with self._views.shown(holder.tenant, target, socket) as client:
            self._open[socket] = (client, time.monotonic())
            metrics.CLIENTS.labels(view).inc()
            try:
                client.start()
                await socket.wait_closed()
            finally:
                metrics.CLIENTS.labels(view).dec()
                del self._open[socket]
                await client.close()

    async def _holder(self, target: Target) -> Ticket:
        """Whom the ticket stands for. It is used up, whatever comes after."""
        held = await self._bus.take_ticket(ticket_name(target.ticket)) if target.ticket else None
        if held is None:
            raise BadTicket("the ticket is unknown, used or too old")
        return msgspec.json.decode(held, type=Ticket)
