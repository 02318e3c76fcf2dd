"""From a rendered config to the request that is sent."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import msgspec

from minuet.model.errors import TerminalError
from minuet.worker import Context

from .config import HttpConfig

USER_AGENT = "minuet"
# They frame the message or belong to the connection: only the client may set them.
FRAMING = frozenset(
    {"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"}
)
REFUSED_METHODS = frozenset({"CONNECT"})

Headers = list[tuple[bytes, bytes]]


def build_request(client: httpx.AsyncClient, config: HttpConfig, ctx: Context) -> httpx.Request:
    """Raises TerminalError (code `config`) for what cannot be sent."""
    method = config.method.upper()
    if method in REFUSED_METHODS:
        raise TerminalError(f"{method} is not a request for a resource", code="config")
    content, content_type = encode_body(config)
    headers = build_headers(config, ctx, content_type)
    return client.build_request(method, build_url(config), headers=headers, content=content)


def build_url(config: HttpConfig) -> httpx.URL:
    """The address with the config's query after the one that it has."""
    try:
        url = httpx.URL(config.url)
    except httpx.InvalidURL as exc:
        raise TerminalError(f"url: {exc}", code="config") from exc
    if url.scheme not in ("http", "https") or not url.host:
        raise TerminalError("url: not an absolute http or https address", code="config")
    pairs = list(query_pairs(config))
    if not pairs:
        return url
    before = url.query + b"&" if url.query else b""
    return url.copy_with(query=before + urlencode(pairs).encode())


def query_pairs(config: HttpConfig) -> Iterator[tuple[str, str]]:
    for name, value in config.query.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, item if isinstance(item, str) else msgspec.json.encode(item).decode()


def encode_body(config: HttpConfig) -> tuple[bytes | None, str | None]:
    if config.body is None:
        return None, None
    if isinstance(config.body, str):
        return config.body.encode(), "text/plain; charset=utf-8"
    return msgspec.json.encode(config.body), "application/json"


def build_headers(config: HttpConfig, ctx: Context, content_type: str | None) -> Headers:
    """The config's headers, and those of ours that it does not set."""
    headers = {name.lower(): checked_value(name, value) for name, value in config.headers.items()}
    for name in FRAMING & headers.keys():
        raise TerminalError(f"headers: {name} is set by the client", code="config")
    defaults = {
        "user-agent": USER_AGENT,
        "idempotency-key": ctx.idempotency_key,
        "traceparent": ctx.traceparent,
        "content-type": content_type,
    }
    for name, value in defaults.items():
        if value is not None:
            headers.setdefault(name, value)
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def checked_value(name: str, value: str) -> str:
    """Raises TerminalError if the value would start a line of its own."""
    if any(character in value for character in "\r\n\0"):
        raise TerminalError(f"headers: {name} holds a line break or NUL", code="config")
    return value
