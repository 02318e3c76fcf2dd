"""The one place where an outbound address is dialled.

A name is resolved here, every address it gives is checked, and the connection goes to the checked
address itself: a second look-up cannot answer differently. TLS (SNI, certificate) and the Host
header keep the name, because only the TCP connection is replaced.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import httpcore
import httpx

from minuet.model.errors import MinuetError

from .addresses import Address, AllowList, is_global_unicast, parse_address

Resolver = Callable[[str, int], Awaitable[list[str]]]
Stream = TypeVar("Stream")


class AddressRefused(MinuetError):
    """The destination is not global unicast and the allow-list does not name it."""

    code = "address_refused"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"{host}:{port} is not a public address; MINUET_NET_ALLOW must name it to be called"
        )
        self.host = host
        self.port = port


async def resolve(host: str, port: int) -> list[str]:
    """Addresses of a host in the system's order of preference. Raises OSError if it has none.

    The system's resolver also reads the odd spellings (0x7f.1, 127.1, 2130706433), so the check
    sees what would really be dialled.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Dialler(httpcore.AsyncNetworkBackend):
    """Connects to public addresses and to what the allow-list names; nothing else."""

    def __init__(self, allow: AllowList, resolver: Resolver = resolve) -> None:
        self._allow = allow
        self._resolve = resolver
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefused, httpcore.ConnectError or httpcore.ConnectTimeout."""

        def connect(address: str) -> Awaitable[httpcore.AsyncNetworkStream]:
            return self._backend.connect_tcp(
                address, port, local_address=local_address, socket_options=socket_options
            )

        try:
            async with asyncio.timeout(timeout):
                return await self.dial(host, port, connect, httpcore.ConnectError)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(f"no connection to {host}:{port} in time") from exc

    async def dial(
        self,
        host: str,
        port: int,
        connect: Callable[[str], Awaitable[Stream]],
        error: type[Exception],
    ) -> Stream:
        """What `connect` makes of the first permitted address that it reaches.

        Raises AddressRefused if none is permitted, and `error`, which `connect` raises too, if none
        is reached.
        """
        try:
            addresses = await self.permitted(host, port)
        except (OSError, UnicodeError) as exc:
            raise error(f"cannot resolve {host}: {exc}") from exc
        failure: Exception | None = None
        for address in addresses:
            try:
                return await connect(str(address))
            except error as exc:
                failure = exc
        raise error(f"cannot connect to {host}:{port}: {failure}") from failure

    async def permitted(self, host: str, port: int) -> list[Address]:
        """The addresses of `host` that may be dialled. Raises AddressRefused if none may, and
        OSError or UnicodeError if it has none."""
        found = await self._resolve(host.rstrip(".") or host, port)
        addresses = [parse_address(text) for text in found]
        permitted = [
            address
            for address in addresses
            if is_global_unicast(address) or self._allow.names(host, port, address)
        ]
        if not permitted:
            raise AddressRefused(host, port)
        return permitted

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused(path, 0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx over a Dialler: HTTP/1.1, no proxy from the environment, every redirect dialled anew.

    httpx offers no way to hand it a network backend, so the pool is built here.
    """

    def __init__(
        self,
        dialler: Dialler,
        *,
        max_connections: int = 200,
        max_idle: int = 50,
        idle_s: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=max_connections,
            max_keepalive_connections=max_idle,
            keepalive_expiry=idle_s,
            network_backend=dialler,
        )
