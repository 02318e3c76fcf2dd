"""Connections of the OpenAI client: dialled after the same look at the address as every other."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Iterable
from typing import Any

import httpcore2
import httpx2

from minuet.net import AddressRefused, Dialler


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that a Dialler permits; names are resolved there, once."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises AddressRefused or httpcore2.ConnectError."""

        def connect(address: str) -> Awaitable[httpcore2.AsyncNetworkStream]:
            return self._backend.connect_tcp(address, port, timeout, local_address, socket_options)

        return await self._dialler.dial(host, port, connect, httpcore2.ConnectError)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused(path, 0)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2 offers no way to hand it a network backend either, so the pool is built here."""

    def __init__(self, dialler: Dialler, ssl_context: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context or httpx2.create_ssl_context(trust_env=False),
            max_connections=200,
            max_keepalive_connections=50,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(dialler),
        )


def make_http_client(dialler: Dialler) -> httpx2.AsyncClient:
    """No limit of time but for connecting: the node's timeout bounds every request."""
    return httpx2.AsyncClient(
        transport=GuardedTransport(dialler),
        timeout=httpx2.Timeout(None, connect=15.0),
        trust_env=False,
        follow_redirects=False,
    )
