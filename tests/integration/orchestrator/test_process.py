"""The service as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

KEY = "a-key-for-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def orchestrator(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "minuet.services.orchestrator"]
    process = subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the service does not become ready")


@pytest.fixture
def env(database_url: str, valkey_url: str, key_prefix: str) -> dict[str, str]:
    return {
        "MINUET_DATABASE_URL": database_url,
        "MINUET_REDIS_URL": valkey_url,
        "MINUET_KEY_PREFIX": key_prefix,
        "MINUET_BOOTSTRAP_API_KEY": KEY,
        "MINUET_PORT": str(free_port()),
    }


def test_it_serves_and_stops_cleanly(env: dict[str, str], document: dict[str, Any]) -> None:
    port = int(env["MINUET_PORT"])
    with orchestrator(env) as process:
        until_ready(port, process)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": f"Bearer {KEY}"}
        ) as client:
            _use(client, document)
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert "minuet_runs_accepted_total 1.0" in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def _use(client: httpx.Client, document: dict[str, Any]) -> None:
    run = client.post("/runs", json={"document": document, "inputs": {"domain": "x"}})
    assert run.status_code == 202, run.text
    large = b'{"document": "' + b"x" * 11_000_000 + b'"}'
    refused = client.post("/workflows", content=large, headers={"Content-Type": "application/json"})
    assert refused.status_code == 413, "the answer arrives although the client was sending"
    assert client.get(f"/runs/{run.json()['id']}").json()["status"] == "queued"


def test_a_taken_port_is_one_clear_line(env: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(env["MINUET_PORT"])))
        taken.listen()
        with orchestrator(env) as process:
            _, errors = process.communicate(timeout=20)
            assert process.returncode == 1
            (line,) = errors.decode().splitlines()
            assert f"port {env['MINUET_PORT']} is taken" in line


def test_a_second_one_does_not_share_the_port_in_silence(env: dict[str, str]) -> None:
    with orchestrator(env) as first:
        until_ready(int(env["MINUET_PORT"]), first)
        with orchestrator(env) as second:
            _, errors = second.communicate(timeout=20)
            assert second.returncode == 1
            assert b"is taken" in errors
