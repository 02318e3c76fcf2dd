"""How long after a kill what it touched went on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from .fleet import Fleet
from .judge import History, read_history


def next_progress(history: History, killed_at: float, runs: Iterable[str]) -> list[float]:
    """Seconds from the kill to the next transition of each run that has one before and after it.

    A run that had nothing recorded at the kill, or nothing to do after it, tells nothing.
    """
    found = []
    for run in runs:
        times = [each.at for each in history.transitions.get(run, [])]
        later = [at for at in times if at > killed_at]
        if later and times[0] < killed_at:
            found.append(later[0] - killed_at)
    return found


def recovery(fleet: Fleet, killed_at: float, runs: Sequence[str]) -> list[float]:
    """Of runs and their child runs, from what is recorded now. `killed_at` is `time.time()`: the
    servers are on this machine."""
    history = asyncio.run(read_history(fleet.database_url, runs))
    return next_progress(history, killed_at, history.transitions)
