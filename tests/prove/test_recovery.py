"""How long after a kill everything that it touched goes on: workers and coordinators.

Nothing stands behind proxies here: what is measured is the product.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from tests.support.waiting import until

from .conftest import FleetFactory
from .faults.held import held_tokens
from .faults.metrics import metric
from .faults.owned import connect, leases
from .fleet import Fleet
from .judge import History, Verdict, judge, read_history
from .load import LEDGER_NODES, OUTPUTS, Load, load
from .proof import Proof, Scenario, percentile

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(900)]

RUNS = 40
WORKFLOW = "prove-long"
PARTITIONS = 8
OWNED = "minuet_partitions_owned"
TEN_SECONDS = {"MINUET_WORKER_LEASE_MS": "10000", "MINUET_WORKER_HEARTBEAT_MS": "3000"}


@pytest.mark.parametrize(
    ("leases_", "kills", "name", "figure"),
    [
        pytest.param(TEN_SECONDS, 5, "worker killed, lease of 10 s", "worker_killed_p95_s"),
        pytest.param({}, 3, "worker killed, defaults", "worker_killed_at_defaults_p95_s"),
    ],
)
def test_tokens_of_a_killed_worker_are_run_by_another(
    fleet: FleetFactory, proof: Proof, leases_: dict[str, str], kills: int, name: str, figure: str
) -> None:
    """From the kill to the recorded end of each execution that the dead worker had in hand."""
    made = fleet(env=leases_)
    made.start_all("worker-2")
    with load(made) as work, proof.scenario(name, env=leases_) as scenario:
        for number in range(kills):
            runs = work.start(RUNS, WORKFLOW)
            until_in_the_middle(made, runs)
            killed_at, tokens = kill_worker(made, ("worker", "worker-2")[number % 2])
            work.until_ended(runs)
            scenario.kills += 1
            scenario.recovery_s += ends_of(history_of(made, runs), tokens, killed_at)
            scenario.take(verdict(made, work, runs))
        keep_p95(scenario, figure)


def test_partitions_of_a_killed_coordinator_go_on_under_the_second(
    fleet: FleetFactory, proof: Proof
) -> None:
    """From the kill to the next transition of each run in a partition that the dead one owned."""
    made = fleet()
    made.start_all("coordinator-2")
    name = "coordinator killed, a second one running"
    with load(made) as work, proof.scenario(name) as scenario, connect(made.redis_url) as client:
        for number in range(6):
            until(lambda: shares(made) == [PARTITIONS // 2] * 2, "both own their share", 30)
            runs = work.start(RUNS, WORKFLOW)
            until_in_the_middle(made, runs)
            before = leases(client)
            killed_at = time.time()
            made.kill(("coordinator", "coordinator-2")[number % 2])
            work.until_ended(runs)
            history = history_of(made, runs)
            affected = taken_over(history, killed_at, {each.owner for each in before.values()})
            assert affected, "the dead one owned nothing"
            scenario.kills += 1
            scenario.recovery_s += affected
            scenario.take(verdict(made, work, runs))
        keep_p95(scenario, "coordinator_killed_p95_s")


def shares(fleet: Fleet) -> list[int]:
    return [int(metric(fleet, name, OWNED)) for name in ("coordinator", "coordinator-2")]


def until_in_the_middle(fleet: Fleet, runs: Sequence[str]) -> None:
    """Every run has begun, most steps are to come."""

    def have_begun() -> bool:
        history = history_of(fleet, runs)
        return all(history.transitions.get(run) for run in runs)

    until(have_begun, "all runs have begun")


def history_of(fleet: Fleet, runs: Sequence[str]) -> History:
    return asyncio.run(read_history(fleet.database_url, runs))


def kill_worker(fleet: Fleet, name: str) -> tuple[float, set[str]]:
    """When, and the ids of the tokens that it died with. Those that it had ended are not among
    them: their pages went with the same call."""
    killed_at = time.time()
    pid = fleet.kill(name)
    with connect(fleet.redis_url) as client:
        tokens = held_tokens(client, pid)
    assert tokens, "it had nothing in hand"
    return killed_at, tokens


def ends_of(history: History, tokens: set[str], killed_at: float) -> list[float]:
    """Seconds from the kill to the recorded end of each of these executions."""
    executions = {token.rpartition("/")[0] for token in tokens}
    return [
        transition.at - killed_at
        for run, transitions in history.transitions.items()
        for transition in transitions
        for event in transition.events
        if event.type == "node.ended" and f"{run}/{event.node}/{event.gen}" in executions
    ]


def taken_over(history: History, killed_at: float, owners: set[str]) -> list[float]:
    """Seconds from the kill to the first transition that a new owner committed, of runs that had
    not ended and whose next transition it was."""
    found = []
    for transitions in history.transitions.values():
        later = [each for each in transitions if each.at > killed_at]
        if later and later[0].commit.partition("/")[0] not in owners:
            found.append(later[0].at - killed_at)
    return found


def verdict(fleet: Fleet, work: Load, runs: Sequence[str]) -> Verdict:
    found = judge(fleet, runs, ledger_nodes=LEDGER_NODES, expected="succeeded")
    found.violations += work.wrong_outputs(runs, OUTPUTS[WORKFLOW])
    return found


def keep_p95(scenario: Scenario, figure: str) -> None:
    """Printed and kept, never a reason to fail: a busy machine is slow, and loses nothing."""
    scenario.figures[f"summary:{figure}"] = round(percentile(scenario.recovery_s, 0.95), 2)
