"""How tests are handed out to the processes of `pytest -n`: by file, what takes long first.

A file goes to one process as a whole, because its tests may share a suite. Those of some files
share nothing and take long: they are handed out one by one, so that no process is left alone with
them.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

ONE_BY_ONE = (
    "tests/crash/",
    "tests/e2e/test_stop.py",
    "tests/e2e/test_time.py",
    "tests/integration/orchestrator/test_process.py",
)


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """In the order in which `slow_first` left them, not the files with most tests first."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return nodeid if file.startswith(ONE_BY_ONE) else file


def slow_first(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files with slow tests before others; only where they will be handed out."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)
