"""Coordinators that share the partitions: they join, leave and die while runs go on."""

from __future__ import annotations

import time

import pytest

from tests.prove.faults.metrics import metric
from tests.prove.fleet import Fleet
from tests.prove.judge import judge
from tests.prove.load import LEDGER_NODES, OUTPUTS, Load
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(240)]

PARTITIONS = 8
OWNED = "minuet_partitions_owned"
WORKFLOW = "prove-chain"
FIRST, SECOND, THIRD = "coordinator", "coordinator-2", "coordinator-3"


@pytest.fixture(autouse=True)
def alone(fleet: Fleet) -> None:
    until_owned(fleet, {FIRST: PARTITIONS})


def owned(fleet: Fleet, name: str) -> int:
    return int(metric(fleet, name, OWNED))


def until_owned(fleet: Fleet, shares: dict[str, int], timeout_s: float = 20.0) -> None:
    def is_so() -> bool:
        return {name: owned(fleet, name) for name in shares} == shares

    until(is_so, f"the partitions are shared: {shares}", timeout_s)


def settle(fleet: Fleet, work: Load, runs: list[str]) -> None:
    work.until_ended(runs)
    assert work.wrong_outputs(runs, OUTPUTS[WORKFLOW]) == []
    verdict = judge(fleet, runs, ledger_nodes=LEDGER_NODES, expected="succeeded")
    assert verdict.violations == []


def test_coordinators_join_and_leave_while_runs_go_on(fleet: Fleet, work: Load) -> None:
    """Each has its share; who leaves releases at once, so nobody waits for a lease."""
    with work.going_on(WORKFLOW) as runs:
        fleet.add(SECOND, restart=False)
        until_owned(fleet, {FIRST: 4, SECOND: 4})
        fleet.add(THIRD, restart=False)
        until(
            lambda: sorted(owned(fleet, n) for n in (FIRST, SECOND, THIRD)) == [2, 3, 3],
            "three have their shares",
        )
        fleet.remove(SECOND)
        left_at = time.monotonic()
        until_owned(fleet, {FIRST: 4, THIRD: 4})
        after_s = time.monotonic() - left_at
    assert "partition_lost" not in fleet.log(FIRST)
    assert after_s < 2.0
    settle(fleet, work, runs)


def test_partitions_of_a_killed_coordinator_are_taken_over_within_three_seconds(
    fleet: Fleet, work: Load
) -> None:
    takeovers_s = []
    runs: list[str] = []
    for _ in range(4):
        fleet.add(SECOND, restart=False)
        until_owned(fleet, {FIRST: 4, SECOND: 4})
        runs += work.start(20, WORKFLOW)
        fleet.kill(SECOND)
        killed_at = time.monotonic()
        until_owned(fleet, {FIRST: PARTITIONS})
        takeovers_s.append(time.monotonic() - killed_at)
        fleet.remove(SECOND)
    assert max(takeovers_s) <= 3.0
    settle(fleet, work, runs)
