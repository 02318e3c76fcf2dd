"""The probe server, over real sockets."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from minuet.telemetry.probes import ProbeServer


async def get(server: ProbeServer, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, f"http://127.0.0.1:{server.port}{path}")


async def test_readiness_is_asked_each_time_and_tells_the_reason() -> None:
    answers = iter(["redis: gone", None])
    async with ProbeServer("127.0.0.1", 0, lambda: next(answers)) as server:
        refused = await get(server, "/readyz")
        assert (refused.status_code, refused.text) == (503, "redis: gone\n")
        assert (await get(server, "/readyz")).status_code == 200


async def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("steps", "Steps done", registry=registry).inc(3)
    async with ProbeServer("127.0.0.1", 0, lambda: None, registry) as server:
        response = await get(server, "/metrics")
    assert "steps_total 3.0" in response.text
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/healthz?verbose=1", 200),
        ("GET", "/else", 404),
        ("POST", "/healthz", 405),
    ],
)
async def test_status(method: str, path: str, status: int) -> None:
    async with ProbeServer("127.0.0.1", 0, lambda: None) as server:
        assert (await get(server, path, method)).status_code == status


async def test_a_caller_that_hangs_up_harms_nobody() -> None:
    async with ProbeServer("127.0.0.1", 0, lambda: None) as server:
        for nonsense in (b"", b"GET", b"x" * 100_000 + b"\r\n\r\n"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(nonsense)
            writer.close()
            await writer.wait_closed()
        assert (await get(server, "/healthz")).status_code == 200


async def test_port_is_free_again_after_the_end() -> None:
    async with ProbeServer("127.0.0.1", 0, lambda: None) as server:
        port = server.port
    async with ProbeServer("127.0.0.1", port, lambda: None) as again:
        assert again.port == port
