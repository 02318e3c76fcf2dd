"""The http_request step: hosts that the node allows, dialled like everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import msgspec

from minuet.net import AddressRefused, Dialler, GuardedTransport
from minuet.policy.hosts import PORTS, allows

from .tool import ToolError

MAX_BYTES = 1 << 20
TIMEOUT_S = 30.0


def make_client(dialler: Dialler) -> httpx.AsyncClient:
    """Follows no redirects, which could lead past the allowed hosts, and keeps no cookies."""
    return httpx.AsyncClient(
        transport=GuardedTransport(dialler),
        timeout=TIMEOUT_S,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


async def http_request(
    client: httpx.AsyncClient, step: dict[str, Any], hosts: Sequence[str], key: str
) -> dict[str, Any]:
    """Status and body of the answer. Raises ToolError for what is not allowed or not there."""
    try:
        url = httpx.URL(step["url"])
        request = client.build_request(
            step.get("method", "GET").upper(), url, params=step.get("query"),
            headers={**step.get("headers", {}), "Idempotency-Key": key}, json=step.get("body"),
        )  # fmt: skip
    except (httpx.InvalidURL, ValueError, TypeError) as exc:
        raise ToolError(f"http_request: {exc}") from exc
    if any(name.lower() == "host" for name in step.get("headers", {})):
        raise ToolError("http_request may not set the header Host")
    if not allows(hosts, request.url.host, port_of(request.url)):
        listed = ", ".join(hosts) or "none"
        raise ToolError(f"http_request may not call {request.url.host}; allowed hosts: {listed}")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            response = await client.send(request, stream=True)
            try:
                data = await read(response)
            finally:
                await response.aclose()
    except (httpx.HTTPError, AddressRefused, TimeoutError) as exc:
        raise ToolError(f"http_request: {type(exc).__name__}: {exc}") from exc
    return {"status": response.status_code, "body": decoded(data)}


def port_of(url: httpx.URL) -> int:
    return url.port or PORTS.get(url.scheme, 0)


async def read(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_BYTES:
            raise ToolError(f"http_request: the body is longer than {MAX_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data.decode("utf-8", "replace")
