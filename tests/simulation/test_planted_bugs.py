"""Whoever looks for bugs must find those that are there."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from .planted import BUGS, planted
from .surroundings import simulated
from .world import run_schedule

MOST = 2_000


@pytest.fixture(autouse=True)
def surroundings() -> Iterator[None]:
    gc.disable()
    with simulated():
        yield
    gc.enable()
    gc.collect()


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    with planted(name):
        for seed in range(MOST):
            if run_schedule(seed).violation is not None:
                return
            if seed % 100 == 99:
                gc.collect()
    pytest.fail(f"{MOST} schedules hold with it")
