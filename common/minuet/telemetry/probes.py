"""What every process serves beside its work: /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REQUEST_TIMEOUT_S = 5.0
TEXT = "text/plain; charset=utf-8"
Answer = tuple[str, str, bytes]


class ProbeServer:
    """Answers on the event loop of the process, so a blocked loop shows as a probe without answer.

    `trouble` is asked at each /readyz: None is 200; a reason is 503, with the reason as its body.
    Port 0 takes a free one; `port` then tells it.
    Use as `async with`. Every answer closes its connection.
    """

    def __init__(
        self,
        host: str,
        port: int,
        trouble: Callable[[], str | None],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._host = host
        self._port = port
        self._trouble = trouble
        self._registry = registry
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        return self._port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, self._answer(head)))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a probe that went away or sent no request; the next one tells
        finally:
            writer.close()

    def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if method not in (b"GET", b"HEAD"):
            return "405 Method Not Allowed", TEXT, b"only GET\n"
        match path:
            case b"/healthz":
                return "200 OK", TEXT, b"ok\n"
            case b"/readyz":
                return _readiness(self._trouble())
            case b"/metrics":
                return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
            case _:
                return "404 Not Found", TEXT, b"try /healthz, /readyz or /metrics\n"


def _readiness(trouble: str | None) -> Answer:
    if trouble is None:
        return "200 OK", TEXT, b"ready\n"
    return "503 Service Unavailable", TEXT, f"{trouble}\n".encode()


def _response(head: bytes, answer: Answer) -> bytes:
    status, content_type, body = answer
    lines = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    start = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return start if head.startswith(b"HEAD ") else start + body
