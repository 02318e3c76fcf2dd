"""From an answer to the node's output, or to the failure that it means."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from minuet.model.errors import NodeError, RetryableError, TerminalError

from .config import HttpConfig

RETRYABLE = frozenset({408, 425, 429})
LONGEST_RETRY_AFTER_S = 86_400.0


async def read_output(response: httpx.Response, config: HttpConfig) -> dict[str, Any]:
    """Status, headers and body. Raises NodeError for a status that the config does not expect.

    The body of a refused answer is not read.
    """
    if not config.expect.accepts(response.status_code):
        raise status_failure(response)
    data = await read_body(response, config.expect.max_bytes)
    return {
        "status": response.status_code,
        "headers": dict(response.headers.items()),
        "body": decode_body(response, data),
    }


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """The decompressed body. Raises TerminalError as soon as it is longer than `max_bytes`."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes(65_536):
        size += len(chunk)
        if size > max_bytes:
            raise TerminalError(
                f"{place(response.request)}: the body is longer than {max_bytes:,} bytes",
                code="too_large",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def decode_body(response: httpx.Response, data: bytes) -> Any:
    """The value of a JSON body, text, base64 of bytes that are no text, None if empty."""
    if not data:
        return None
    kind = response.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return decode_json(response, data)
    try:
        return data.decode(response.charset_encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return base64.b64encode(data).decode()


def decode_json(response: httpx.Response, data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise TerminalError(
            f"{place(response.request)}: the body is said to be JSON, but: {exc}", code="body"
        ) from exc


def status_failure(response: httpx.Response) -> NodeError:
    """Too early, too many and server errors are worth another attempt; the rest is final."""
    status = response.status_code
    message = f"{place(response.request)} answered {status} {response.reason_phrase}".rstrip()
    if status in RETRYABLE or status >= 500:
        after = retry_after_s(response.headers.get("retry-after", ""), datetime.now(UTC))
        return RetryableError(message, code=f"http_{status}", retry_after_s=after)
    return TerminalError(message, code=f"http_{status}")


def retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header (a number or a date), at most a day; None if unreadable."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)


def place(request: httpx.Request) -> str:
    """What was called, for messages: never path, query or credentials."""
    port = f":{request.url.port}" if request.url.port else ""
    return f"{request.method} {request.url.host}{port}"
