"""Pipelines of scientists from the request to the last record, and how the API shows them.

Method: a suite and one Python worker whose steps write a line at their begin and end and hash what
they read; one run at a time. Submission is the answer to the request that brings the document:
parsed, validated, compiled, stored, accepted. Steps are in order by history and ledger, or the test
fails. A page is 200 nodes, the slowest of the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from examples.pipelines.shapes import SHAPES, pipeline
from tests.e2e.rig import Rig
from tests.e2e.test_pipelines import PATIENT, assert_in_order
from tests.suite import Suite

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("pipelines")
    with Suite(folder / "data", env={"MINUET_LOG_LEVEL": "warning"}, fresh=True) as suite:
        made = Rig(suite, folder / "ledger")
        try:
            made.work("tests.e2e.pipeline_nodes", "e2e.job", **PATIENT)
            yield made
        finally:
            made.close()


def timed(rig: Rig, method: str, path: str, **more: Any) -> tuple[float, Any]:
    """Seconds to the answer, and what it says."""
    started = time.perf_counter()
    answer = rig.http.request(method, path, **more)
    taken_s = time.perf_counter() - started
    assert answer.is_success, answer.text
    return taken_s, answer.json()


def slowest_page(rig: Rig, run: str) -> float:
    """Seconds for the slowest page of the run's nodes."""
    pages: list[float] = []
    cursor = ""
    while not pages or cursor:
        query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        taken_s, page = timed(rig, "GET", f"/runs/{run}/nodes", params=query)
        pages.append(taken_s)
        cursor = page["next_cursor"]
    return max(pages)


@pytest.mark.parametrize("nodes", [1_000, 10_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_pipeline(rig: Rig, figures: Figures, shape: str, nodes: int) -> None:
    document = pipeline(shape, nodes, type="e2e.job")
    started = time.perf_counter()
    submitted_s, accepted = timed(rig, "POST", "/runs", json={"document": document})
    run = rig.wait(accepted["id"], 200)
    ended_s = time.perf_counter() - started
    shown_s, _ = timed(rig, "GET", f"/runs/{run['id']}")
    size = f"{len(document['nodes']):,} nodes, {len(document['edges']):,} edges"
    name = f"{shape}, {nodes:,}"
    figures.add(f"{name}: submitted", submitted_s, "s", size)
    figures.add(f"{name}: ended", ended_s, "s", "from the request to the last record")
    figures.add(f"{name}: run shown", shown_s * 1000, "ms")
    figures.add(f"{name}: slowest page of nodes", slowest_page(rig, run["id"]) * 1000, "ms")
    assert_in_order(rig, document, run)
