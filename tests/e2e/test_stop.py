"""A suite that is stopped by Ctrl-C goes on where it was; digests do not depend on the process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.suite import STOP_LIMIT_S, Suite
from tests.support.waiting import is_running, until

from .rig import Json, Rig, chain, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]

RUNS = 30
ORDER = ["first", "pause", "slow", "last"]
RICH_NODES: list[Json] = [
    {"id": "a", "type": "transform", "config": {"value": {"z": 1, "ü": [1.5, None], "b": "x"}}},
    {"id": "b", "type": "wait", "title": "B", "config": {"for": "1h"}, "join": "any"},
    {
        "id": "c",
        "type": "branch",
        "config": {"cases": [{"when": "true", "port": "p"}], "default": "d"},
    },
]
RICH = document(
    "rich",
    RICH_NODES,
    chain(["a", "b", "c"]),
    labels={"y": "1", "x": "2"},
    outputs={"v": "${nodes.a.output.z}", "u": "${nodes.b.output}"},
    inputs={"type": "object", "properties": {"q": {}, "p": {}}},
)


def working(name: str) -> Json:
    """Runs that wait for a timer and for a node when the suite stops."""
    nodes: list[Json] = [
        {"id": "first", "type": "e2e.note"},
        {"id": "pause", "type": "wait", "config": {"for": "1s"}},
        {"id": "slow", "type": "e2e.sleep", "config": {"ms": 1500}},
        {"id": "last", "type": "e2e.note"},
    ]
    return document(name, nodes, chain(ORDER))


def test_a_stopped_suite_goes_on_with_its_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / ".minuet"
    suite = Suite(data_dir)
    suite.start()
    rig = Rig(suite, tmp_path / "ledger")
    try:
        worker = rig.work("tests.e2e.nodes", "e2e.note")
        rig.apply(working("stopped"))
        runs = [rig.start("stopped") for _ in range(RUNS)]
        rig.until_noted(runs[0], "first", "ran")
        late = [rig.start("stopped") for _ in range(RUNS)]
        pids = suite.pids()
        began = time.monotonic()
        assert suite.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < STOP_LIMIT_S
        assert not [name for name, pid in pids.items() if is_running(pid)]
        rig.http.close()
        worker.stop()
        suite.start()
        rig.connect()
        assert {rig.get(f"/runs/{run}")["status"] for run in [*runs, *late]} & {
            "running",
            "waiting",
        }
        rig.work("tests.e2e.nodes", "e2e.note")
        for run in [*runs, *late]:
            assert rig.wait(run)["status"] == "succeeded"
            ends = Counter(
                event["node"] for event in rig.events(run) if event["type"] == "node.ended"
            )
            assert ends == Counter(ORDER)
    finally:
        rig.close()
        suite.stop()


def test_digests_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    """Three processes with three seeds say the same of one document, whatever its keys' order."""
    with Suite(tmp_path / ".minuet", env={"PYTHONHASHSEED": "1"}) as suite:
        headers = {"Authorization": f"Bearer {suite.api_key}"}
        first = _digests(suite.url, headers, RICH, 201)
        for seed in ("2", "77"):
            with _orchestrator(suite, seed) as url:
                backwards = dict(reversed(RICH.items()))
                assert _digests(url, headers, backwards, 200) == first


def _digests(url: str, headers: dict[str, str], doc: Json, status: int) -> tuple[str, str]:
    """Of the document as it was applied and as a run follows it."""
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, trust_env=False) as client:
        applied = client.post("/workflows", json={"document": doc})
        assert (applied.status_code, applied.json()["version"]) == (status, 1)
        run = client.post("/runs", json={"document": doc}).json()["id"]
        client.post(f"/runs/{run}/cancel")
        return applied.json()["digest"], client.get(f"/runs/{run}").json()["document_digest"]


@contextmanager
def _orchestrator(suite: Suite, seed: str) -> Iterator[str]:
    """One more orchestrator beside the suite's, started alone; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = os.environ | {
        "PYTHONHASHSEED": seed,
        "MINUET_PORT": str(port),
        "MINUET_REDIS_URL": suite.redis_url,
        "MINUET_DATABASE_URL": suite.database_url,
    }
    with (suite.data_dir.parent / f"orchestrator-{seed}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "minuet.services.orchestrator"], env=env, stdout=log, stderr=log
        )
    try:
        until(lambda: _is_ready(f"http://127.0.0.1:{port}"), "the orchestrator is ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(10) == 0


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
