"""Archiving of runs that Redis may hold as alive although their end is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from minuet.bus.api import Fields, ReconcilerBus
from minuet.model.signal import Archived
from minuet.store.history import EndedRun

_encode: Final = msgspec.json.Encoder().encode


async def archive(bus: ReconcilerBus, p: int, runs: Sequence[EndedRun]) -> None:
    """Ask the owner to forget them, and drop their timers: with a run that has ended go those that
    it still had, but one that was brought back alive may have a wait of a month. Harmless when
    repeated."""
    if not runs:
        return
    signals: list[Fields] = [
        [("k", b"archived"), ("s", _encode(Archived(run.id, run.seq)))] for run in runs
    ]
    await bus.send(p, signals)
    await bus.drop_timers(p, {run.id for run in runs})
