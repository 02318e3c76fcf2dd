"""A fixed number of schedules holds; one is played the same way twice, whatever came before it."""

from __future__ import annotations

import gc
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest

from .statements import REPLACED
from .surroundings import simulated
from .world import run_schedule

SCHEDULES = 300
AT_ONCE = 50
SEEN: Counter[str] = Counter()
# What so many schedules must have met, or they prove less than they seem to.
REQUIRED = (
    "calls lost", "replies lost", "calls repeated", "calls delayed", "signals repeated",
    "processes killed", "callers killed", "callers stalled", "processes stalled", "loops stalled",
    "processes cut off", "processes stopped", "connections held up", "commands sent",
    "runs started", "Postgres away", "Redis gone back", "Redis emptied",
    "run.cancelling", "run.compensating", "run.paused", "run.resumed", "run.waiting",
    "node.retrying", "node.spawned", "node.item", "message.received", "message.taken",
    "approval.requested", "approval.decided", "approval.cancelled", "patch.applied",
    "command.refused", "warning",
)  # fmt: skip


@pytest.fixture
def surroundings() -> Iterator[None]:
    gc.disable()
    with simulated():
        yield
    gc.enable()
    gc.collect()


@pytest.mark.parametrize("first", range(0, SCHEDULES, AT_ONCE))
@pytest.mark.usefixtures("surroundings")
def test_every_schedule_holds(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        result = run_schedule(seed)
        SEEN.update(result.counts + result.events)
        SEEN["schedules"] += 1
        if result.violation is not None:
            replay = f"python -m tests.simulation --seed {seed}"
            pytest.fail(f"{result.violation}\nreplay it with: {replay}")


def test_the_schedules_meet_everything() -> None:
    if SEEN["schedules"] < SCHEDULES:
        pytest.skip("not all of them were played")
    assert [what for what in REQUIRED if not SEEN[what]] == []


@pytest.mark.parametrize("seed", [3, 40, 77])
@pytest.mark.usefixtures("surroundings")
def test_a_seed_is_played_the_same_way_twice(seed: int) -> None:
    def played() -> list[str]:
        told: list[str] = []
        run_schedule(seed, told.append)
        return told

    first = played()
    run_schedule(seed + 1)
    assert played() == first


def test_what_stands_in_for_a_statement_takes_what_the_statement_takes() -> None:
    for module, replaced in REPLACED.items():
        for name, mine in replaced.items():
            theirs = getattr(import_module(module), name)
            assert shape(mine) == shape(theirs), f"{module}.{name}"


def shape(function: Callable[..., object]) -> list[tuple[object, bool]]:
    """Kinds of its parameters, and whether they may be left out."""
    parameters = inspect.signature(function).parameters.values()
    return [(each.kind, each.default is inspect.Parameter.empty) for each in parameters]
