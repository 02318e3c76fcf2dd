"""Limits on runs at once through a whole suite, by a ledger that the runs' own nodes write."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import threading
from datetime import datetime

import httpx
import pytest

from tests.support.starts import Starter
from tests.support.waiting import until

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]
STARTS = 200


@pytest.fixture(scope="module", autouse=True)
def worker(rig: Rig) -> None:
    rig.work("tests.e2e.nodes", "e2e.note")


def flow(name: str, **concurrency: object) -> Json:
    """Two tasks: between the lines that they write the run goes on."""
    nodes = [{"id": id, "type": "e2e.note", "config": {"value": 1}} for id in ("enter", "leave")]
    concurrency = {"key": "${inputs.customer}", **concurrency}
    return document(name, nodes, [("enter", "leave")], concurrency=concurrency)


def start_many(rig: Rig, doc: Json, count: int = STARTS) -> list[str]:
    rig.apply(doc)
    starter = Starter(rig.suite.url, rig.suite.api_key, inputs={"customer": "acme"})
    return starter.start(doc["name"], count, key=doc["name"], connections=count)


def most_at_once(rig: Rig, runs: list[str]) -> int:
    going: set[str] = set()
    most = 0
    for line in rig.ledger.read_text().splitlines():
        run, node, _, word = line.split()
        if run in runs and word == "ran":
            (going.add if node == "enter" else going.discard)(run)
            most = max(most, len(going))
    return most


def ended(rig: Rig, runs: list[str]) -> list[Json]:
    return [rig.wait(run, 120) for run in runs]


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("limit", [1, 3])
def test_two_hundred_simultaneous_starts_go_on_as_many_at_once_as_may(rig: Rig, limit: int) -> None:
    runs = start_many(rig, flow(f"limit-{limit}", limit=limit))
    shown = ended(rig, runs)
    assert {run["status"] for run in shown} == {"succeeded"}
    assert most_at_once(rig, runs) == limit
    if limit == 1:
        ordered = sorted(shown, key=lambda run: run["started_at"])
        gaps_ms = [
            1000 * (at(after["started_at"]) - at(before["ended_at"]))
            for before, after in itertools.pairwise(ordered)
        ]
        # Only told: instants of history are the owner's estimate of Redis time, which may run ahead
        # by a slow round trip. Who overlapped is what the ledger says.
        print(f"\nhand-over of a key: {statistics.median(gaps_ms):.0f} ms median, "
              f"{statistics.quantiles(gaps_ms, n=20)[-1]:.0f} ms p95")  # fmt: skip


def test_the_limit_holds_while_the_orchestrator_is_killed_again_and_again(rig: Rig) -> None:
    doc = flow("killed", limit=3)
    rig.apply(doc)
    starter = Starter(rig.suite.url, rig.suite.api_key, inputs={"customer": "acme"})
    runs: list[str] = []
    starting = threading.Thread(
        target=lambda: runs.extend(starter.start("killed", STARTS, key="k"))
    )
    starting.start()
    for _ in range(4):
        old = rig.suite.kill("orchestrator")
        rig.suite.until_restarted("orchestrator", old)
    starting.join(120)
    until(lambda: rig.http.get("/info").status_code == 200, "the API answers")
    assert len(set(runs)) == STARTS
    assert {run["status"] for run in ended(rig, runs)} == {"succeeded"}
    assert most_at_once(rig, runs) == 3


def test_of_two_hundred_that_may_not_wait_the_others_are_refused(rig: Rig) -> None:
    doc = flow("refusing", limit=3, on_limit="reject")
    doc["nodes"].insert(1, {"id": "hold", "type": "wait", "config": {"for": "20s"}})
    doc["edges"] = [{"from": "enter", "to": "hold"}, {"from": "hold", "to": "leave"}]
    rig.apply(doc)
    body = {"workflow": "refusing", "inputs": {"customer": "acme"}}

    async def post_all() -> list[int]:
        async with httpx.AsyncClient(
            base_url=rig.http.base_url, headers=rig.http.headers, timeout=60, trust_env=False
        ) as http:
            answers = await asyncio.gather(*(http.post("/runs", json=body) for _ in range(STARTS)))
            return [answer.status_code for answer in answers]

    codes = asyncio.run(post_all())
    assert (codes.count(202), codes.count(409)) == (3, STARTS - 3)


def test_in_the_end_the_newest_have_taken_the_place_of_all_others(rig: Rig) -> None:
    doc = flow("newest", limit=2, on_limit="cancel_oldest")
    doc["nodes"].insert(1, {"id": "hold", "type": "wait", "config": {"for": "5s"}})
    doc["edges"] = [{"from": "enter", "to": "hold"}, {"from": "hold", "to": "leave"}]
    runs = start_many(rig, doc)
    shown = sorted(ended(rig, runs), key=lambda run: (run["accepted_at"], run["id"]))
    statuses = [run["status"] for run in shown]
    assert statuses.count("succeeded") == 2
    assert statuses.count("cancelled") == STARTS - 2
    began = {line.split()[0] for line in rig.ledger.read_text().splitlines()}
    unsent = [run for run in shown if run["started_at"] and run["id"] not in began]
    assert unsent, "runs that were cancelled in the line never ran a node"
