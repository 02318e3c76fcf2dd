"""One fleet for all tests of sharing: each adds what it needs and takes it away again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prove.fleet import Fleet
from tests.prove.load import Load, load

QUICK = {"MINUET_WORKER_LEASE_MS": "3000", "MINUET_WORKER_HEARTBEAT_MS": "500"}


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), env=QUICK) as made:
        made.start_all(without=("agent_runner",))
        yield made


@pytest.fixture(scope="package")
def work(fleet: Fleet) -> Iterator[Load]:
    with load(fleet) as made:
        yield made


@pytest.fixture(autouse=True)
def taken_away(fleet: Fleet) -> Iterator[None]:
    before = set(fleet.names)
    yield
    for name in set(fleet.names) - before:
        fleet.remove(name)
