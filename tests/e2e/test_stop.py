"""A suite that is stopped by Ctrl-C goes on where it was; digests do not depend on the process."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

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
    found = set()
    with Suite(tmp_path / ".minuet", env={"PYTHONHASHSEED": "1"}) as suite:
        rig = Rig(suite, tmp_path / "ledger")
        found.add(_digests(rig, RICH, "1"))
        rig.close()
    for seed in ("2", "77"):
        with Suite(tmp_path / ".minuet", env={"PYTHONHASHSEED": seed}) as suite:
            rig = Rig(suite, tmp_path / "ledger")
            backwards = dict(reversed(RICH.items()))
            answer = rig.http.post("/workflows", json={"document": backwards})
            assert (answer.status_code, answer.json()["version"]) == (200, 1)
            found.add(_digests(rig, backwards, seed))
            rig.close()
    assert len(found) == 1


def _digests(rig: Rig, doc: Json, seed: str) -> tuple[str, str]:
    """Of the document as it was applied and as a run follows it."""
    environment = Path(f"/proc/{rig.suite.pid('orchestrator')}/environ").read_bytes()
    assert f"PYTHONHASHSEED={seed}".encode() in environment.split(b"\0")
    applied = rig.apply(doc)
    run = rig.start(doc, {})
    until(lambda: rig.get(f"/runs/{run}")["seq"] > 0, "the run has started")
    rig.http.post(f"/runs/{run}/cancel")
    return applied["digest"], rig.get(f"/runs/{run}")["document_digest"]
