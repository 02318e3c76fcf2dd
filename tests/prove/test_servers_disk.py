"""The disk under Redis or Postgres is full for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from minuet.embedded.postgres import PostgresServer
from minuet.embedded.valkey import ValkeyServer
from tests.support.waiting import until

from .conftest import FleetFactory
from .faults.caller import calling
from .faults.documents import PATIENT_NODES, patient
from .faults.owned import connect
from .faults.small_disk import SmallDisk, mounted, run_in_namespace
from .fleet import Fleet
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(300)]

NODES = [*LEDGER_NODES, *PATIENT_NODES]
SIZE_MIB = 192
FULL_S = 20.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk | None]:
    """Named before the fleet, so that it is there until the servers on it have stopped."""
    with mounted(tmp_path / "small", SIZE_MIB) as made:
        yield made


@contextmanager
def full(disk: SmallDisk) -> Iterator[None]:
    disk.fill()
    try:
        yield
    finally:
        disk.free()


def keep_full(disk: SmallDisk) -> None:
    """For a while; what a server gives free by tidying up is taken as well."""
    deadline = time.monotonic() + FULL_S
    while time.monotonic() < deadline:
        disk.fill()
        time.sleep(0.5)


def is_refused(client: redis.Redis) -> bool:
    try:
        client.set("prove", 1)
    except redis.ResponseError as error:
        return str(error).startswith("MISCONF")
    return False


def deaths(fleet: Fleet, *but: str) -> list[str]:
    """Processes that ended, but for these."""
    return [f"{name} {what}" for _, name, what in fleet.deaths if name not in but]


def test_full_disk_of_redis(
    disk: SmallDisk | None,
    fleet: FleetFactory,
    proof: Proof,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """It refuses every write: nobody ends, nobody is suspected, nothing is lost."""
    if disk is None:
        run_in_namespace(request.node.nodeid, tmp_path)
        return
    made = fleet(valkey=ValkeyServer(disk.path / "valkey"))
    made.start_all()
    with (
        load(made, patient(6)) as work,
        proof.scenario(f"disk of redis full for {FULL_S:.0f} s") as scenario,
        connect(made.redis_url) as client,
    ):
        runs = work.start(80, "prove-patient") + work.start(20)
        assert len(work.unended(runs)) >= 50
        with calling(made, "prove-patient", {}, callers=2) as answers:
            with full(disk):
                until(lambda: is_refused(client), "writes are refused", 20)
                keep_full(disk)
                assert is_refused(client)
                by_then = dict(answers.statuses)
            freed_at = time.time()
            until(lambda: not is_refused(client), "writes are taken again")
            client.delete("prove")
            commits = client.hget("{0}:lease", "commit")
            until(lambda: client.hget("{0}:lease", "commit") != commits, "commits go on", 60)
            scenario.recovery_s.append(time.time() - freed_at)
        runs += answers.runs
        work.until_ended(runs)
        scenario.violations += answers.faults + deaths(made)
        scenario.figures["answers_by_then"] = {str(status): n for status, n in by_then.items()}
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))


def test_full_disk_of_postgres(
    disk: SmallDisk | None,
    fleet: FleetFactory,
    proof: Proof,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Postgres itself may stop, as it does when it cannot write ahead; nobody else does."""
    if disk is None:
        run_in_namespace(request.node.nodeid, tmp_path)
        return
    made = fleet(postgres=PostgresServer(disk.path / "postgres"))
    made.start_all()
    with (
        load(made, patient(6)) as work,
        proof.scenario(f"disk of postgres full for {FULL_S:.0f} s") as scenario,
    ):
        runs = work.start(80, "prove-patient") + work.start(20)
        assert len(work.unended(runs)) >= 50
        with calling(made, "prove-patient", {}, callers=2) as answers:
            with full(disk):
                until(lambda: recorder_says(made, "No space left"), "the recorder is refused", 60)
                keep_full(disk)
                by_then = dict(answers.statuses)
            freed_at = time.time()
            known = len(answers.runs)
            until(lambda: len(answers.runs) > known, "starts are accepted again", 60)
            scenario.recovery_s.append(time.time() - freed_at)
        runs += answers.runs
        work.until_ended(runs, 180)
        scenario.violations += answers.faults + deaths(made, "postgres")
        scenario.figures |= {
            "answers_by_then": {str(status): n for status, n in by_then.items()},
            "postgres_stops": len(made.deaths),
        }
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))


def recorder_says(fleet: Fleet, words: str) -> bool:
    return words in fleet.log("recorder")
