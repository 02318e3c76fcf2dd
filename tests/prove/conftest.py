"""Fixtures of the proof: where findings go, fleets, and the table at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .fleet import Fleet
from .proof import HEADING, Proof, row

FleetFactory = Callable[..., Fleet]
PROOF = pytest.StashKey[Proof]()


@pytest.fixture(scope="session")
def proof(request: pytest.FixtureRequest) -> Proof:
    """Where scenarios are kept; in the file that MINUET_PROOF names, too."""
    path = os.environ.get("MINUET_PROOF")
    made = Proof(Path(path).resolve() if path else None)
    request.config.stash[PROOF] = made
    return made


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FleetFactory]:
    """Makes fleets with running servers and no service: `fleet(env={...})`."""
    with ExitStack() as stack:

        def make(name: str = "fleet", **more: Any) -> Fleet:
            return stack.enter_context(Fleet(tmp_path / name, **more))

        yield make


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    made = config.stash.get(PROOF, None)
    if made is None or not made.scenarios:
        return
    terminalreporter.section("proof")
    terminalreporter.write_line(HEADING)
    for scenario in made.scenarios:
        terminalreporter.write_line(row(scenario))
        for violation in scenario.violations:
            terminalreporter.write_line(f"    {violation}", red=True)
