"""Waiting until a server that came back was compared with Postgres."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

log = structlog.get_logger()

PATIENCE_S: Final = 30.0


class Bus(Protocol):
    """The part of the bus that is needed here."""

    async def unvouched(self, partitions: Sequence[int]) -> list[int]: ...


class Gate:
    """Which partitions nobody should build on yet.

    Not for ever: without an orchestrator nobody vouches for anything. Then work goes on, steps that
    are recorded may run again, and what the recorder refuses is restored later.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._patience_s = patience_s
        self._clock = clock
        self._since: dict[int, float] = {}

    async def shut(self, partitions: Sequence[int]) -> set[int]:
        """Those among the partitions. Raises BusUnavailable."""
        found = await self._bus.unvouched(partitions) if partitions else []
        now = self._clock()
        others = {p: at for p, at in self._since.items() if p not in partitions}
        self._since = others | {p: self._since.get(p, now) for p in found}
        late = {p for p in found if now - self._since[p] >= self._patience_s}
        if late:
            log.warning("not_vouched_for", partitions=sorted(late))
        return set(found) - late
