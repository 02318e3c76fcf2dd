"""A whole suite on a cluster of three masters and their replicas: one is killed, a slot moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crash.crew import DOCUMENT, Crew, check
from tests.crash.history import History
from tests.crash.service import note_service
from tests.suite import Suite
from tests.support.background import BackgroundLoop
from tests.support.valkey_cluster import ValkeyCluster
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(180)]

RUNS = 200
PARTITIONS = 8
MIXED: dict[str, Any] = {
    "apiVersion": "minuet/v1",
    "name": "mixed",
    "nodes": [
        {"id": "nap", "type": "wait", "config": {"for": "100ms"}},
        {
            "id": "each", "type": "map",
            "config": {
                "items": "[1, 2, 3]",
                "run": {
                    "nodes": [{"id": "item", "type": "crash.note"}],
                    "outputs": "${inputs.item}",
                },
            },
        },
        {"id": "ask", "type": "hitl", "config": {"message": "Go on?"}},
        {"id": "shape", "type": "transform", "config": {"value": "${nodes.each.output.results}"}},
    ],
    "edges": [
        {"from": "nap", "to": "each"},
        {"from": "each", "to": "ask"},
        {"from": "ask", "to": "shape"},
    ],
    "outputs": {"items": "${nodes.shape.output}"},
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValkeyCluster]:
    made = ValkeyCluster(tmp_path_factory.mktemp("cluster"))
    try:
        background.run(made.start())
        yield made
    finally:
        background.run(made.stop())


@pytest.fixture(scope="module")
def crew(cluster: ValkeyCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    folder = tmp_path_factory.mktemp("suite")
    ledger = folder / "ledger"
    ledger.touch()
    # What a master takes with it when it dies is taken over after the lease.
    lease = {"MINUET_WORKER_LEASE_MS": "4000", "MINUET_WORKER_HEARTBEAT_MS": "1000"}
    suite = Suite(folder / "data", env={"MINUET_REDIS_URL": cluster.url, **lease})
    with suite, note_service(ledger) as service_url:
        made = Crew(suite, ledger, service_url)
        try:
            until(made.has_type, "the worker's type is known")
            answer = made.client.post("/workflows", json={"document": DOCUMENT})
            assert answer.status_code == 201, answer.text
            yield made
        finally:
            made.stop()


def settle(crew: Crew, history: History, runs: list[str], earlier: int) -> None:
    until(lambda: history.count_ended() >= earlier + len(runs), "all runs ended", 120)
    check(crew, runs, history)


def test_runs_end_on_partitions_of_all_masters(crew: Crew) -> None:
    history = History(crew.suite.database_url)
    # Partitions are drawn: of 40 runs, one in 25 times some partition got none.
    runs = crew.starter.start("crash", 160, key="plain")
    settle(crew, history, runs, 0)
    assert {run.split("-", 1)[0] for run in runs} == {str(p) for p in range(PARTITIONS)}


def test_timers_maps_and_people_work_on_a_cluster(crew: Crew) -> None:
    answers = [crew.client.post("/runs", json={"document": MIXED}) for _ in range(PARTITIONS)]
    runs = {str(answer.json()["id"]) for answer in answers}
    decided: set[str] = set()

    def decide() -> bool:
        for each in crew.client.get("/approvals", params={"status": "pending"}).json()["items"]:
            path = f"/approvals/{each['id']}/decision"
            assert crew.client.post(path, json={"decision": "approve"}).is_success
            decided.add(each["run"])
        return decided == runs

    until(decide, "every run has asked", 30)

    def outputs() -> bool:
        shown = [crew.client.get(f"/runs/{run}").json() for run in runs]
        return all(each["outputs"] == {"items": [1, 2, 3]} for each in shown)

    until(outputs, "every run has its outputs", 30)


def test_slots_move_while_runs_go_on(
    crew: Crew, cluster: ValkeyCluster, background: BackgroundLoop
) -> None:
    """Key by key, so that for a while every call finds half of its keys elsewhere."""
    history = History(crew.suite.database_url)
    earlier = history.count_ended()
    runs: list[str] = []
    starting = threading.Thread(
        target=lambda: runs.extend(crew.starter.start("crash", RUNS, key="moved"))
    )
    starting.start()
    steps = 0
    for p in range(0, PARTITIONS, 2):
        source = background.run(cluster.master_of(p))
        masters = background.run(cluster.masters())
        to = next(each for each in masters if each is not source)
        steps += background.run(cluster.hand_over(p, to))
        assert background.run(cluster.master_of(p)) is to
    starting.join()
    assert steps > PARTITIONS // 2
    settle(crew, history, runs, earlier)


def test_a_master_is_killed_and_its_replica_takes_over(
    crew: Crew, cluster: ValkeyCluster, background: BackgroundLoop
) -> None:
    history = History(crew.suite.database_url)
    earlier = history.count_ended()
    runs = crew.starter.start("crash", RUNS, key="killed")
    victim = background.run(cluster.master_of(1))
    background.run(victim.process.kill())
    unfinished = earlier + RUNS - history.count_ended()
    more = crew.starter.start("crash", RUNS // 4, key="killed-later")
    background.run(cluster.until_failed_over(victim))
    assert unfinished > RUNS // 4
    settle(crew, history, runs + more, earlier)
