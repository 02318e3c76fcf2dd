"""Postgres is away, or answers nothing, for a minute: what runs goes on, nothing is lost."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import until

from .conftest import FleetFactory
from .faults.caller import calling
from .faults.documents import PATIENT_NODES, patient
from .faults.frozen import family, frozen
from .faults.metrics import metric
from .fleet import Fleet
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(360)]

NODES = [*LEDGER_NODES, *PATIENT_NODES]
AWAY_S = 60.0
LOOK_S = 5.0
RECORDED = "minuet_recorder_transitions_total"


@contextmanager
def stopped(fleet: Fleet) -> Iterator[None]:
    """Its processes killed at once; every connection is refused until it is started again."""
    with fleet.away("postgres", signal.SIGQUIT):
        yield


@contextmanager
def silent(fleet: Fleet) -> Iterator[None]:
    """It neither answers nor refuses: all its processes stand still."""
    with frozen(*family(fleet.pid("postgres"))):
        yield


@pytest.mark.parametrize(
    ("absence", "what"), [(stopped, "stopped"), (silent, "silent")], ids=["stopped", "silent"]
)
def test_a_minute_without_postgres(
    fleet: FleetFactory,
    proof: Proof,
    absence: Callable[[Fleet], AbstractContextManager[None]],
    what: str,
) -> None:
    """Starts are accepted or answered 503, and an accepted one ends; runs go on meanwhile."""
    made = fleet()
    made.start_all()
    with (
        load(made, patient(35)) as work,
        proof.scenario(f"postgres {what} for {AWAY_S:.0f} s", away_s=AWAY_S) as scenario,
    ):
        runs = work.start(80, "prove-patient") + work.start(40)
        assert len(work.unended(runs)) >= 80
        with calling(made, "prove-patient", {}, callers=2) as answers:
            until(lambda: answers.runs, "starts are accepted")
            with absence(made):
                executed = steps_while_away(made.ledger)
                refused = dict(answers.statuses)
            back_at = time.time()
            before = metric(made, "recorder", RECORDED)
            until(lambda: metric(made, "recorder", RECORDED) > before, "recording goes on", 60)
            scenario.recovery_s.append(time.time() - back_at)
            known = len(answers.runs)
            until(lambda: len(answers.runs) > known, "starts are accepted again", 60)
            scenario.figures["starts_accepted_again_s"] = round(time.time() - back_at, 1)
        runs += answers.runs
        work.until_ended(runs, 180)
        scenario.kills = 1
        scenario.violations += answers.faults
        if min(executed) == 0:
            scenario.violations.append(f"steps stood still while Postgres was away: {executed}")
        scenario.figures |= {
            "steps_while_away": sum(executed),
            "answers_by_then": {str(status): n for status, n in refused.items()},
        }
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))
        if absence is stopped:
            lost = scenario.runs_started - scenario.runs_ended
            scenario.figures["summary:postgres_away_60_s_lost_runs"] = lost


def steps_while_away(ledger: Path) -> list[int]:
    """How many executions began in each stretch of the absence."""

    def count() -> int:
        return ledger.read_bytes().count(b"\n")

    counts = [count()]
    for _ in range(int(AWAY_S / LOOK_S)):
        time.sleep(LOOK_S)
        counts.append(count())
    return [after - before for before, after in itertools.pairwise(counts)]
