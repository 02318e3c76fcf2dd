"""Redis comes back without a voucher: as it was before the first one, when nobody knows since when
it may be out of date. Too seldom among drawn blows, so it is brought about here."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator, Sequence
from unittest import mock

import pytest

from minuet.bus.memory_state import State
from minuet.model.state import Head
from minuet.services.orchestrator.revenants import Revenants
from minuet.store.history import EndedRun

from .redis import Client
from .storm import Storm, Weather
from .surroundings import simulated
from .world import World

SCHEDULES = 60
MOST = 1_000
CLEAR = Weather(strikes=0, every=1, lasts_s=30.0, weights={}, loses=False)


class ReturnToTheBeginning(Storm):
    """One blow: once a run has ended that some call found alive, Redis is back at that call."""

    def __init__(self, world: World) -> None:
        super().__init__(world, CLEAR)
        self._kept: State | None = None
        self._alive: set[str] = set()
        self.has_struck = False

    def on_call(self, client: Client, method: str) -> None:
        if self.has_struck or method != "renew":
            return
        if self._kept is None:
            self._keep(self._world.server.state)
        elif any(
            row.ended for id, row in self._world.postgres.tables.runs.items() if id in self._alive
        ):
            self.has_struck = True
            self._world.soon(self._world.server.restart, self._kept)

    def _keep(self, state: State) -> None:
        self._alive = {
            run
            for part in state.partitions.values()
            for run, fields in part.runs.items()
            if not Head.decode(fields["head"].decode()).status.ended
        }
        if self._alive:
            self._kept = copy.deepcopy(state)
            for part in self._kept.partitions.values():
                part.voucher = None  # such a state: it tells no one that it is old


@pytest.fixture(autouse=True)
def surroundings() -> Iterator[None]:
    gc.disable()
    with simulated():
        yield
    gc.enable()
    gc.collect()


def played(seed: int) -> tuple[str | None, bool]:
    """What was violated, and whether Redis came back."""
    world = World(seed)
    storm = world.storm = ReturnToTheBeginning(world)
    return world.run().violation, storm.has_struck


def test_what_had_ended_is_laid_to_rest() -> None:
    struck = 0
    for seed in range(SCHEDULES):
        violation, has_struck = played(seed)
        assert violation is None, f"schedule {seed}: {violation}"
        struck += has_struck
    assert struck > SCHEDULES / 4


def test_what_nobody_lays_to_rest_is_found() -> None:
    """Or the test above proves nothing."""

    async def nobody(self: Revenants, p: int, runs: Sequence[str]) -> list[EndedRun]:
        return []

    with mock.patch.object(Revenants, "_ended_among", nobody):
        violations = (played(seed)[0] for seed in range(MOST))
        found = next(filter(None, violations), "")
    assert " in Redis" in found
