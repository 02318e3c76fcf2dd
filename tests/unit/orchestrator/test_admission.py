"""When starts are refused, and when no longer."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minuet.model.errors import BusUnavailable, Overloaded
from minuet.services.orchestrator.admission import Admission
from minuet.services.orchestrator.metrics import OPEN, REDIS_MEMORY, UNRECORDED

pytestmark = pytest.mark.anyio


class Bus:
    def __init__(self, memory: float = 0.1, unrecorded: int = 0) -> None:
        self.memory = memory
        self.commits = unrecorded
        self.away = False

    async def now(self) -> int:
        if self.away:
            raise BusUnavailable("away")
        return 1_000

    async def server_info(self) -> Any:
        return SimpleNamespace(memory_fraction=self.memory)

    async def unrecorded(self, partitions: int) -> int:
        assert partitions == 8
        return self.commits


def admission_on(bus: Bus) -> Admission:
    return Admission(cast("Any", bus), lambda: 8)


def is_closed(admission: Admission) -> bool:
    return admission.overloaded


def gauges() -> tuple[float, ...]:
    return tuple(
        sample.value
        for gauge in (OPEN, REDIS_MEMORY, UNRECORDED)
        for metric in gauge.collect()
        for sample in metric.samples
    )


@pytest.mark.parametrize(
    ("memory", "commits", "reason"),
    [
        (0.76, 0, "Redis uses 76% of its memory"),
        (0.1, 50_001, "50001 commits wait to be recorded"),
    ],
)
async def test_each_mark_closes_and_tells_when_to_come_again(
    memory: float, commits: int, reason: str
) -> None:
    admission = admission_on(Bus(memory, commits))
    admission.check()
    await admission.look()
    with pytest.raises(Overloaded, match=reason) as refused:
        admission.check()
    assert refused.value.retry_after_s == 5
    assert gauges() == (0, memory, commits)


@pytest.mark.parametrize(
    ("closed", "between", "relieved"),
    [
        ((0.80, 0), (0.70, 0), (0.64, 0)),
        ((0.10, 60_000), (0.10, 45_000), (0.10, 40_000)),
    ],
)
async def test_it_opens_well_below_the_mark_alone(
    closed: tuple[float, int], between: tuple[float, int], relieved: tuple[float, int]
) -> None:
    admission = admission_on(Bus())
    admission.decide(*between)
    assert not is_closed(admission), "between the marks it stays as it is: open"
    admission.decide(*closed)
    admission.decide(*between)
    assert is_closed(admission), "between the marks it stays as it is: closed"
    admission.decide(*relieved)
    assert not is_closed(admission)


async def test_load_about_the_mark_changes_it_once() -> None:
    admission = admission_on(Bus())
    seen = []
    for n in range(100):
        admission.decide(0.74 + 0.02 * (n % 2), 0)
        seen.append(admission.overloaded)
    assert sum(one != other for one, other in itertools.pairwise(seen)) == 1


async def test_while_redis_is_away_the_last_judgement_holds() -> None:
    bus = Bus(memory=0.9)
    admission = admission_on(bus)
    await admission.look()
    bus.away = True
    await admission.look()
    assert admission.overloaded
