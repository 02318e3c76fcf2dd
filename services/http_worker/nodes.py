"""The node functions of this service."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from minuet.ir.builtin import builtin_node_types
from minuet.model.errors import NodeError, RetryableError, TerminalError
from minuet.net import AddressRefused, AllowList, Dialler, GuardedTransport
from minuet.worker import Context
from minuet.worker.registry import NodeSpec, declare

from .config import HttpConfig
from .redirect import follow
from .request import build_request
from .response import place, read_output


def make_client(allow: AllowList, *, max_connections: int = 200) -> httpx.AsyncClient:
    """The client that all nodes share: it keeps no cookies, because runs share it too.

    The runtime's timeout of the token bounds each attempt.
    """
    transport = GuardedTransport(Dialler(allow), max_connections=max_connections)
    return httpx.AsyncClient(
        transport=transport,
        timeout=None,  # noqa: S113 - see above
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


def node_specs(client: httpx.AsyncClient) -> list[NodeSpec]:
    """`http` over this client, and `transform` for values too large to be rendered inline."""

    async def http(config: HttpConfig, ctx: Context) -> dict[str, Any]:
        request = build_request(client, config, ctx)
        try:
            return await send(client, request, config)
        except httpx.HTTPError as exc:
            raise failure(request, exc) from exc
        except AddressRefused as exc:
            raise TerminalError(str(exc), code=exc.code) from exc

    types = builtin_node_types()
    return [declare(types["http"], http), declare(types["transform"], transform)]


async def send(
    client: httpx.AsyncClient, request: httpx.Request, config: HttpConfig
) -> dict[str, Any]:
    response = await follow(client, request, config.expect)
    try:
        return await read_output(response, config)
    finally:
        await response.aclose()


def failure(request: httpx.Request, exc: httpx.HTTPError) -> NodeError:
    """What the network or the peer did, without anything that the address may hold in secret."""
    where = place(request)
    if isinstance(exc, httpx.TooManyRedirects):
        return TerminalError(f"{where}: {exc}", code="redirects")
    if isinstance(exc, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return TerminalError(f"{where}: the request cannot be sent: {exc}", code="config")
    if isinstance(exc, httpx.DecodingError):
        return TerminalError(f"{where}: the body cannot be decompressed", code="body")
    return RetryableError(f"{where}: {type(exc).__name__}: {exc}".rstrip(": "), code="connection")


async def transform(config: dict[str, Any]) -> Any:
    return config["value"]
