"""Serve the application inside this process's event loop (docs/adr/0007-granian-in-process.md)."""

from __future__ import annotations

import asyncio
import errno
import socket

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar

from minuet.model.errors import MinuetError

BACKLOG = 1024


class PortTaken(MinuetError):
    """Nobody can listen there; the message says why, for a person."""

    code = "port_taken"


def check_port(host: str, port: int) -> None:
    """Raises PortTaken. The server itself sets SO_REUSEPORT: a second one would share the port in
    silence, each getting a part of the requests."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} is taken: choose another with MINUET_PORT") from error
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error


async def serve(app: Litestar, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer requests until `stop` is set; then take no more and finish those under way."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await serving
