"""Redirects: followed here, so that what a config sends to one service stays with that service."""

from __future__ import annotations

import httpx

from .config import Expect

MAX_REDIRECTS = 5
# What another origin may see. Everything else, secrets above all, was meant for the first one.
HARMLESS = frozenset(
    {
        "host", "accept", "accept-encoding", "accept-language", "connection", "user-agent",
        "content-type", "content-length", "transfer-encoding", "idempotency-key", "traceparent",
    }
)  # fmt: skip


async def follow(
    client: httpx.AsyncClient, request: httpx.Request, expect: Expect
) -> httpx.Response:
    """The last answer, its body unread; close it. A redirect that is expected is an answer.

    Each hop is dialled by the client, so it passes the same check of its address. Raises
    httpx.HTTPError, TooManyRedirects after MAX_REDIRECTS hops.
    """
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(request, stream=True)
        if response.next_request is None or expect.accepts(response.status_code):
            return response
        await response.aclose()
        request = without_secrets(response.next_request, request)
    raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects", request=request)


def without_secrets(following: httpx.Request, request: httpx.Request) -> httpx.Request:
    """The next request; on its way to another origin only harmless headers stay."""
    if origin(following.url) != origin(request.url):
        for name in set(following.headers) - HARMLESS:
            del following.headers[name]
    return following


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
