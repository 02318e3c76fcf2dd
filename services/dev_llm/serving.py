"""Serve the stand-in inside this process's event loop."""

from __future__ import annotations

import asyncio
import socket

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar

from minuet.model.errors import MinuetError


class PortTaken(MinuetError):
    """Nobody can listen there."""

    code = "port_taken"


def claim_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises PortTaken: the server itself would share the port."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as exc:
        raise PortTaken(f"cannot listen on {host}:{port}: {exc.strerror}") from exc


async def serve(app: Litestar, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer requests until `stop` is set."""
    server = Server(
        app, address=host, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1,
        websockets=False, log_enabled=False,
    )  # fmt: skip
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await serving
