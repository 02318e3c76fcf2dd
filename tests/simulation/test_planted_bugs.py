"""Whoever looks for bugs must find those that are there."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator

import pytest

from .planted import BUGS, planted
from .surroundings import simulated
from .world import run_schedule

MOST = 2_000
# The product has changed under the bug: it breaks by that, not by what is wrong.
MISPLANTED = re.compile(r"(Type|Attribute|Name)Error")


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
            violation = run_schedule(seed).violation
            if violation is not None:
                assert not MISPLANTED.search(violation), violation
                return
            if seed % 100 == 99:
                gc.collect()
    pytest.fail(f"{MOST} schedules hold with it")
