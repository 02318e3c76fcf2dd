"""Pipelines of scientists through a whole suite: every step once, after all that it follows.

What happened is asked of the history, of a ledger that the steps write, and of their outputs.
Two workers share the steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.pipelines.shapes import SHAPES, pipeline
from tests.support.pipelines import assert_ordered, expected_outputs

from .rig import Json, Rig

# What a worker has in hand for longer than its lease is another's too, and may be run again: not on
# a machine that is only slow.
PATIENT = {"MINUET_WORKER_LEASE_MS": "30000", "MINUET_WORKER_HEARTBEAT_MS": "2000"}

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def workers(rig: Rig) -> None:
    for _ in range(2):
        rig.work("tests.e2e.pipeline_nodes", "e2e.job", **PATIENT)


def recorded(rig: Rig, run: str) -> Iterator[tuple[str, str]]:
    """When nodes were dispatched and ended, as the history tells it."""
    for event in rig.events(run):
        if event["type"] == "node.ready" and not event["data"].get("held"):
            yield event["node"], "began"
        elif event["type"] == "node.ended":
            assert event["data"]["status"] == "succeeded"
            yield event["node"], "ended"


def noted(rig: Rig, run: str) -> Iterator[tuple[str, str]]:
    """When steps began and ended, as they wrote it down."""
    for line in rig.ledger.read_text().splitlines():
        of, node, _, word = line.split()
        if of == run:
            yield node, word


def assert_in_order(rig: Rig, document: Json, run: Json) -> None:
    assert (run["status"], run["counter"]) == ("succeeded", 0)
    assert run["outputs"] == expected_outputs(document)
    assert_ordered(document, recorded(rig, run["id"]))
    assert_ordered(document, noted(rig, run["id"]))


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_thousand_steps_run_once_and_in_order(rig: Rig, shape: str) -> None:
    document = pipeline(shape, 1_001, type="e2e.job", ms=5)
    assert_in_order(rig, document, rig.run(document))


@pytest.mark.usefixtures("workers")
def test_ten_thousand_steps_run_once_and_in_order(rig: Rig) -> None:
    document = pipeline("montage", 10_000, type="e2e.job")
    assert_in_order(rig, document, rig.run(document, timeout_s=120))
