"""A worker that knows nothing but docs/protocol.md serves a type of a whole suite."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from minuet.client import Client
from tests.suite import Suite
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

WORKER = Path(__file__).parents[3] / "examples" / "any_language" / "worker.py"
LEASE_MS = "600"
DOCUMENT: dict[str, Any] = {
    "apiVersion": "minuet/v1",
    "name": "count",
    "inputs": {"type": "object"},
    "nodes": [
        {"id": "first", "type": "count_words", "config": {"text": "${inputs.text}"}},
        {"id": "whole", "type": "count_words", "config": {"text": "${inputs.more.text}"}},
        {"id": "sum", "type": "transform", "config": {
            "value": "${nodes.first.output.words + nodes.whole.output.words}"}},
    ],
    "edges": [{"from": "first", "to": "sum"}, {"from": "whole", "to": "sum"}],
    "outputs": {"words": "${nodes.sum.output}"},
}  # fmt: skip
INPUTS = {"text": "a b c", "more": {"text": "d e"}}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with Suite(tmp_path_factory.mktemp("foreign") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def client(suite: Suite) -> Iterator[Client]:
    with Client(suite.url, suite.api_key) as made:
        yield made


@contextmanager
def worker(suite: Suite, **env: str) -> Iterator[None]:
    """The worker while the block runs; SIGTERM must end it with code 0."""
    settings = {"MINUET_REDIS_URL": suite.redis_url, "MINUET_WORKER_LEASE_MS": LEASE_MS, **env}
    process = subprocess.Popen([sys.executable, str(WORKER)], env=os.environ | settings)
    try:
        yield
    finally:
        process.terminate()
        try:
            code = process.wait(10)
        finally:
            process.kill()
    assert code == 0


@pytest.fixture(scope="module", autouse=True)
def workflow(suite: Suite, client: Client) -> None:
    """Applied while a worker tells of its type, which is known from then on."""
    with worker(suite):
        until(lambda: known(client), "its type is known")
        client.workflows.apply(DOCUMENT)


def known(client: Client) -> bool:
    return not client.workflows.validate(DOCUMENT).diagnostics


def taken_by_the_dead(suite: Suite) -> bool:
    """Take whatever stands in the task streams, as a worker that then dies; whether there was."""
    redis: Any = Redis.from_url(suite.redis_url, protocol=2)
    keys = list(redis.scan_iter(match="*:tasks:count_words"))
    found = redis.xreadgroup("workers", "dead", dict.fromkeys(keys, ">"))
    return any(entries for _, entries in found)


def test_it_is_written_without_minuet() -> None:
    statements = list(ast.walk(ast.parse(WORKER.read_text())))
    imported = {a.name for s in statements if isinstance(s, ast.Import) for a in s.names}
    imported |= {str(s.module) for s in statements if isinstance(s, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"redis"}


def test_runs_end_with_its_results(suite: Suite, client: Client) -> None:
    with worker(suite):
        started = [client.runs.start("count", INPUTS) for _ in range(20)]
        ended = [client.runs.wait(each.id, timeout_s=30) for each in started]
    assert [(run.status, run.outputs) for run in ended] == [("succeeded", {"words": 5})] * 20


def test_what_it_raises_ends_the_node_on_error(suite: Suite, client: Client) -> None:
    with worker(suite):
        started = client.runs.start("count", {"text": 7, "more": {"text": "x"}})
        run = client.runs.wait(started.id, timeout_s=30)
    assert run.status == "failed"
    assert run.error is not None
    assert run.error["code"] == "exception"


def test_it_takes_over_from_the_dead(suite: Suite, client: Client) -> None:
    started = client.runs.start("count", INPUTS)
    until(lambda: taken_by_the_dead(suite), "its tokens are out")
    with worker(suite):
        run = client.runs.wait(started.id, timeout_s=30)
    assert (run.status, run.outputs) == ("succeeded", {"words": 5})


def test_a_token_that_kills_workers_is_given_up(suite: Suite, client: Client) -> None:
    started = client.runs.start("count", INPUTS)
    until(lambda: taken_by_the_dead(suite), "its tokens are out")
    with worker(suite, MINUET_WORKER_MAX_DELIVERIES="1"):
        run = client.runs.wait(started.id, timeout_s=30)
    assert run.status == "failed"
    assert run.error is not None
    assert run.error["code"] == "worker_lost"
