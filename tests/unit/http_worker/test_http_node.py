"""The http node against a real socket on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from minuet.model.token import Outcome
from minuet.net import AllowList
from minuet.services.http_worker.nodes import make_client, node_specs
from minuet.services.http_worker.response import retry_after_s
from tests.unit.worker.support import Bench, output

pytestmark = pytest.mark.anyio
Handler = Callable[["Request"], bytes]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Request:
    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }
        self.body = body


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[tuple[str, list[Request]]]:
    seen: list[Request] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        request = Request(head, b"")
        request.body = await reader.readexactly(int(request.headers.get("content-length", "0")))
        seen.append(request)
        writer.write(handler(request))
        with suppress(ConnectionError):  # some tests want the node to stop reading
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def call(
    config: dict[str, Any], *, allow: str = "127.0.0.1", env: dict[str, str] | None = None,
    **fields: Any,
) -> Outcome:  # fmt: skip
    async with make_client(AllowList.parse(allow)) as client:
        bench = Bench([], env or {})
        bench.specs = node_specs(client)
        return await bench.run_one(config, **fields)


def code(outcome: Outcome) -> tuple[str, bool]:
    assert outcome.port == "error", output(outcome)
    assert outcome.failure is not None
    return outcome.failure.code, outcome.failure.retryable


async def test_a_request_carries_everything_of_the_config() -> None:
    answer = reply("200 OK", b'{"ok": true}', "Content-Type: application/json", "X-A: 1", "X-A: 2")
    async with served(lambda _: answer) as (base, seen):
        outcome = await call(
            {
                "method": "patch", "url": f"{base}/things?x=1", "headers": {"X-Who": "me"},
                "query": {"tag": ["a", "b&c"], "none": None, "on": True, "n": 3},
                "body": {"name": "ü"},
            },
            traceparent="00-aaaa-bbbb-01",
        )  # fmt: skip
    assert output(outcome)["body"] == {"ok": True}
    assert output(outcome)["status"] == 200
    assert output(outcome)["headers"]["x-a"] == "1, 2"
    (request,) = seen
    assert request.method == "PATCH"
    assert request.target == "/things?x=1&tag=a&tag=b%26c&on=true&n=3"
    assert json.loads(request.body) == {"name": "ü"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-who"] == "me"
    assert len(request.headers["idempotency-key"]) == 32
    assert request.headers["traceparent"] == "00-aaaa-bbbb-01"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"", "application/json", None),
        (b"[1]", "application/problem+json; charset=utf-8", [1]),
        ("grün".encode("latin-1"), "text/plain; charset=latin-1", "grün"),
        (b"plain", "text/plain", "plain"),
        (b"\xff\xfe\x00", "application/octet-stream", "//4A"),
    ],
)
async def test_bodies_by_content_type(body: bytes, kind: str, expected: Any) -> None:
    async with served(lambda _: reply("200 OK", body, f"Content-Type: {kind}")) as (base, _):
        assert output(await call({"url": base}))["body"] == expected


@pytest.mark.parametrize(
    ("status", "expect", "expected"),
    [
        ("404 Not Found", {}, ("http_404", False)),
        ("408 Timeout", {}, ("http_408", True)),
        ("425 Early", {}, ("http_425", True)),
        ("429 Slow down", {}, ("http_429", True)),
        ("500 Oops", {}, ("http_500", True)),
        ("304 Same", {}, ("http_304", False)),
        ("201 Created", {"status": 200}, ("http_201", False)),
        ("200 OK", {"status": ["3xx", 404]}, ("http_200", False)),
    ],
)
async def test_unexpected_statuses(
    status: str, expect: dict[str, Any], expected: tuple[str, bool]
) -> None:
    async with served(lambda _: reply(status)) as (base, _):
        outcome = await call({"url": f"{base}/p?key=hidden", "expect": expect})
    assert code(outcome) == expected
    assert outcome.failure is not None
    assert f"GET 127.0.0.1:{base.rsplit(':', 1)[1]} answered {status}" == outcome.failure.message


async def test_an_expected_status_is_success() -> None:
    async with served(lambda _: reply("404 Not Found")) as (base, _):
        outcome = await call({"url": base, "expect": {"status": ["2xx", 404]}})
    assert output(outcome)["status"] == 404


async def test_retry_after_is_honoured() -> None:
    async with served(lambda _: reply("503 Busy", b"", "Retry-After: 7")) as (base, _):
        outcome = await call({"url": base})
    assert outcome.failure is not None
    assert outcome.failure.retry_after_ms == 7000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12", 12.0), ("0", 0.0), ("", None), ("soon", None), ("-3", None), ("99999999", 86400.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0), ("Wed, 21 Oct 2020 07:28:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_forms(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_body_above_the_cap_is_cut(encoding: str) -> None:
    data = b"x" * 300_000
    extra = [f"Content-Encoding: {encoding}"] if encoding else []
    body = gzip.compress(data) if encoding else data
    async with served(lambda _: reply("200 OK", body, *extra)) as (base, _):
        outcome = await call({"url": base, "expect": {"max_bytes": 100_000}})
    assert code(outcome) == ("too_large", False)
    assert outcome.failure is not None
    assert "100,000" in outcome.failure.message


async def test_said_to_be_json_but_is_not() -> None:
    answer = reply("200 OK", b"<html>", "Content-Type: application/json")
    async with served(lambda _: answer) as (base, _):
        assert code(await call({"url": base})) == ("body", False)


@pytest.mark.parametrize(
    "config",
    [
        {"headers": {"X": "a\r\nEvil: 1"}},
        {"headers": {"Content-Length": "5"}},
        {"headers": {"Bad Name": "x"}},
        {"method": "CONNECT"},
        {"url": "ftp://a.example/"},
        {"url": "http:///nowhere"},
        {"unknown": 1},
    ],
)
async def test_configs_that_cannot_be_sent(config: dict[str, Any]) -> None:
    assert code(await call({"url": "http://127.0.0.1:9/", **config})) == ("config", False)


async def test_connection_errors_are_retryable_and_keep_the_query_out() -> None:
    listener = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    outcome = await call({"url": f"http://127.0.0.1:{port}/p?key=hidden"})
    assert code(outcome) == ("connection", True)
    assert outcome.failure is not None
    assert f"GET 127.0.0.1:{port}: ConnectError" in outcome.failure.message
    assert "hidden" not in outcome.failure.message


async def test_inner_addresses_are_refused_unless_allowed() -> None:
    outcome = await call({"url": "http://127.0.0.1:9/"}, allow="10.0.0.0/8")
    assert code(outcome) == ("address_refused", False)


async def test_an_answer_that_never_comes_ends_on_timeout() -> None:
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await call({"url": f"http://127.0.0.1:{port}/"}, timeout_ms=100)
        release.set()
    assert outcome.port == "timeout"


async def test_redirects_are_followed_five_times_and_no_more() -> None:
    def hop(request: Request) -> bytes:
        n = int(request.target.strip("/"))
        return reply("200 OK", b"end") if n == 0 else reply("302 F", b"", f"Location: /{n - 1}")

    async with served(hop) as (base, seen):
        assert output(await call({"url": f"{base}/5"}))["body"] == "end"
        assert len(seen) == 6
        assert code(await call({"url": f"{base}/6"})) == ("redirects", False)


async def test_a_redirect_inward_is_refused_at_its_hop() -> None:
    async with served(lambda _: reply("302 F", b"", "Location: http://127.0.0.2:1/")) as (base, _):
        outcome = await call({"url": base}, allow=base.removeprefix("http://"))
    assert code(outcome) == ("address_refused", False)


async def test_secrets_stay_with_the_first_origin() -> None:
    async with (
        served(lambda _: reply("200 OK", b"end")) as (other, seen),
        served(lambda _: reply("307 T", b"", f"Location: {other}/x")) as (base, first),
    ):
        outcome = await call(
            {
                "method": "POST", "url": base, "body": "hello",
                "headers": {"X-Api-Key": "${secrets.key}", "Authorization": "Bearer t"},
            },
            env={"MINUET_SECRET_KEY": "s3cr3t-value"},
        )  # fmt: skip
    assert output(outcome)["body"] == "end"
    assert first[0].headers["x-api-key"] == "s3cr3t-value"
    assert seen[0].body == b"hello"
    assert "x-api-key" not in seen[0].headers
    assert "authorization" not in seen[0].headers
    assert seen[0].headers["idempotency-key"] == first[0].headers["idempotency-key"]


async def test_an_expected_redirect_is_an_answer() -> None:
    async with served(lambda _: reply("302 F", b"", "Location: /next")) as (base, seen):
        outcome = await call({"url": base, "expect": {"status": 302}})
    assert output(outcome)["headers"]["location"] == "/next"
    assert len(seen) == 1


async def test_cookies_of_one_run_do_not_reach_the_next() -> None:
    answer = reply("200 OK", b"", "Set-Cookie: session=abc; Path=/")
    async with (
        served(lambda _: answer) as (base, seen),
        make_client(AllowList.parse("127.0.0.1")) as client,
    ):
        bench = Bench([], {})
        bench.specs = node_specs(client)
        await bench.run_one({"url": base})
        await bench.run_one({"url": base})
    assert [request.headers.get("cookie") for request in seen] == [None, None]


async def test_secrets_are_masked_in_what_the_service_echoes() -> None:
    def echo(request: Request) -> bytes:
        text = json.dumps({"said": request.headers["authorization"], "target": request.target})
        return reply("200 OK", text.encode(), "Content-Type: application/json")

    async with served(echo) as (base, seen):
        outcome = await call(
            {
                "url": base, "query": {"k": "${secrets.key}"},
                "headers": {"Authorization": "Bearer ${secrets.key}"},
            },
            env={"MINUET_SECRET_KEY": "p@ss word/1"},
        )  # fmt: skip
    assert seen[0].headers["authorization"] == "Bearer p@ss word/1"
    assert output(outcome)["body"] == {"said": "Bearer ***", "target": "/?k=***"}


async def test_transform_gives_its_rendered_value() -> None:
    async with make_client(AllowList()) as client:
        bench = Bench([], {})
        bench.specs = list(reversed(node_specs(client)))
        outcome = await bench.run_one({"value": {"n": "${1 + 2}", "t": "x${2}"}})
    assert output(outcome) == {"n": 3, "t": "x2"}
