"""Wait for what another process does, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

POLL_S = 0.02

Value = TypeVar("Value")


def until(probe: Callable[[], Value | None], what: str, timeout_s: float = 20.0) -> Value:
    """The first result of `probe` that is neither None nor False; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        result = probe()
        if result is not None and result is not False:
            return result
        time.sleep(POLL_S)
    raise AssertionError(f"not within {timeout_s} s: {what}")


def is_running(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
