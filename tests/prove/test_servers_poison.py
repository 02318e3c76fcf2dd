"""Entries, signals, nodes and events that bring down whoever meets them: the others go on."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from tests.crash.ledger import read_ledger
from tests.support.waiting import until

from .conftest import FleetFactory
from .faults import poison
from .faults.documents import PATIENT_NODES, patient
from .faults.metrics import metric
from .faults.owned import connect, partitions
from .fleet import Fleet
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(300)]

NODES = [*LEDGER_NODES, *PATIENT_NODES]
DEADLY = 3
SLOW_MS = 8_000
WORKERS: dict[str, Any] = {"MINUET_WORKER_LEASE_MS": "3000", "MINUET_WORKER_HEARTBEAT_MS": "500"}


def document(name: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    edges = [{"from": a["id"], "to": b["id"]} for a, b in itertools.pairwise(nodes)]
    return {"apiVersion": "minuet/v1", "name": name, "nodes": list(nodes), "edges": edges}


STEP = {"type": "prove.step", "config": {"ms": 5}}
NEIGHBOUR = document(
    "prove-neighbour",
    {"id": "first", **STEP},
    {"id": "deadly", "type": "prove.deadly", "config": {"dies": "${inputs.dies}"}},
    {"id": "last", **STEP},
)
SLOW_NEIGHBOUR = document(
    "prove-slow-neighbour",
    {"id": "deadly", "type": "prove.deadly", "config": {"dies": "${inputs.dies}", "ms": SLOW_MS}},
    {"id": "last", **STEP},
)
MARKED = document("prove-marked", {"id": "first", **STEP}, {"id": "marked", "type": "prove.marked"})
MARKED_INSIDE = document("prove-inside", *MARKED["nodes"], {"id": "last", **STEP})


@pytest.mark.serial
def test_entries_nobody_can_read(fleet: FleetFactory, proof: Proof) -> None:
    """Dead letters, each with its reason; no process ends, no run is touched."""
    made = fleet()
    made.start_all()
    with (
        load(made, patient(2)) as work,
        proof.scenario("entries that nobody can read, late results") as scenario,
        connect(made.redis_url) as client,
    ):
        runs = work.start(60, "prove-patient")
        with work.going_on(at_once=5, pause_s=0.5) as more:
            before = metric(made, "coordinator", "minuet_signals_poisoned_total")
            signals = sum(poison.spoil_signals(client, p) for p in partitions(client))
            events = sum(poison.spoil_events(client, p) for p in partitions(client))
            for p in partitions(client):
                poison.spoil_tasks(client, p, "prove.step")
            for run in runs:
                poison.send_again(client, f"{run}/p0/1/1", {"node": "forged"})
            until(
                lambda: (
                    poison.dead_letters(made.database_url).get("unreadable_event_entry", 0)
                    >= events
                ),
                "unreadable events are dead letters",
            )
            unread = "minuet_signals_poisoned_total"
            until(lambda: metric(made, "coordinator", unread) > before, "signals are dead letters")
        runs += more
        work.until_ended(runs)
        letters = poison.dead_letters(made.database_url)
        scenario.figures |= {"signals": signals, "events": events, "dead_letters": letters}
        if made.deaths:
            scenario.violations.append(f"processes ended: {made.deaths}")
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))


@pytest.mark.serial
def test_command_that_cannot_be_routed(fleet: FleetFactory, proof: Proof) -> None:
    """Its run fails with `internal_error` and a dead letter; its neighbours notice nothing."""
    made = fleet()
    made.start_all()
    with (
        load(made, patient(2)) as work,
        proof.scenario("commands whose routing throws") as scenario,
        connect(made.redis_url) as client,
    ):
        runs = work.start(60, "prove-patient")
        poisoned, rest = runs[:10], runs[10:] + work.start(20)
        for run in poisoned:
            poison.send_message_without_a_name(client, run)
        work.until_ended(runs + rest)
        assert poison.dead_letters(made.database_url).get("internal_error") == len(poisoned)
        for run in poisoned:
            assert made.get(f"/runs/{run}")["error"]["code"] == "internal_error"
        if made.deaths:
            scenario.violations.append(f"processes ended: {made.deaths}")
        scenario.take(judge(made, poisoned, ledger_nodes=NODES, expected="failed"))
        scenario.take(judge(made, rest, ledger_nodes=NODES, expected="succeeded"))


def test_node_that_kills_its_worker(fleet: FleetFactory, proof: Proof) -> None:
    """After five workers it ends on `worker_lost`; everything else is done, what shared pages with
    it too. One slot: they do not run in one process at the same time."""
    made = fleet(env=WORKERS)
    made.start_all()
    one_slot = {"MINUET_WORKER_SLOTS": "1"}
    made.add("worker-deadly", module="tests.prove.faults.deadly", env=one_slot)
    until(lambda: made.serves("prove.deadly"), "the type is known")
    with (
        load(made, NEIGHBOUR) as work,
        proof.scenario("nodes that kill their worker each time", **WORKERS) as scenario,
    ):
        started_at = time.time()
        deadly = [start(made, "prove-neighbour", dies=True) for _ in range(DEADLY)]
        innocent = [start(made, "prove-neighbour", dies=False) for _ in range(40)]
        runs = [*innocent, *work.start(40)]
        work.until_ended([*deadly, *runs], 180)
        scenario.figures["all_ended_s"] = round(time.time() - started_at, 1)
        scenario.kills = sum("was killed" in what for _, _, what in made.deaths)
        for run in deadly:
            assert made.get(f"/runs/{run}")["error"]["code"] == "worker_lost"
        nodes = [*NODES, "deadly"]
        scenario.take(judge(made, deadly, ledger_nodes=nodes, expected="failed"))
        scenario.take(judge(made, runs, ledger_nodes=nodes, expected="succeeded"))


def test_neighbours_of_a_node_that_kills_its_worker(fleet: FleetFactory, proof: Proof) -> None:
    """They are at work in the same process whenever it dies, and nobody can tell who killed it: yet
    only the killer ends on `worker_lost`."""
    made = fleet(env=WORKERS)
    made.start_all()
    made.add("worker-deadly", module="tests.prove.faults.deadly")
    until(lambda: made.serves("prove.deadly"), "the type is known")
    with (
        load(made, SLOW_NEIGHBOUR) as work,
        proof.scenario("node that kills its worker, slow ones beside it", **WORKERS) as scenario,
    ):
        started_at = time.time()
        innocent = [start(made, "prove-slow-neighbour", dies=False) for _ in range(6)]
        until(lambda: len(read_ledger(made.ledger)) == len(innocent), "they are all at work")
        deadly = [start(made, "prove-slow-neighbour", dies=True)]
        work.until_ended([*deadly, *innocent], 180)
        scenario.figures["all_ended_s"] = round(time.time() - started_at, 1)
        scenario.kills = sum("was killed" in what for _, _, what in made.deaths)
        assert made.get(f"/runs/{deadly[0]}")["error"]["code"] == "worker_lost"
        nodes = [*NODES, "deadly"]
        scenario.take(judge(made, deadly, ledger_nodes=nodes, expected="failed"))
        scenario.take(judge(made, innocent, ledger_nodes=nodes, expected="succeeded"))


def start(fleet: Fleet, workflow: str, *, dies: bool) -> str:
    body = {"workflow": workflow, "inputs": {"dies": dies}}
    answer = fleet.http.post("/runs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_event_that_cannot_be_stored(fleet: FleetFactory, proof: Proof) -> None:
    """It becomes a dead letter, recording goes on, and its run goes back to what was recorded."""
    made = fleet()
    made.start_all()
    made.add("worker-marked", module="tests.prove.faults.deadly")
    until(lambda: made.serves("prove.marked"), "the type is known")
    with (
        load(made, MARKED, MARKED_INSIDE) as work,
        proof.scenario("events that the recorder cannot store") as scenario,
    ):
        poison.refuse_events_with(made.database_url, '"mark-1"')
        refused_at = time.time()
        marked = work.start(10, "prove-marked") + work.start(10, "prove-inside")
        rest = work.start(40)
        work.until_ended(rest)
        work.until_ended(marked)
        scenario.recovery_s.append(time.time() - refused_at)
        letters = poison.dead_letters(made.database_url)
        assert letters.get("refused_transition", 0) >= len(marked)
        scenario.figures["dead_letters"] = letters
        if made.deaths:
            scenario.violations.append(f"processes ended: {made.deaths}")
        nodes = [*NODES, "marked"]
        scenario.take(judge(made, [*marked, *rest], ledger_nodes=nodes, expected="succeeded"))
