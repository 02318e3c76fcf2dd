"""Whether what was taken is still wanted: a token may be cancelled while it stands in line."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from minuet.bus.api import Delivery, WorkerBus
from minuet.model.errors import Unavailable

from .clock import Clock

log = structlog.get_logger()

# A token that is taken sooner costs no look; if it was cancelled in that time, the heartbeat
# thread stops it while it runs.
FRESH_MS = 50

# So long after a running token was found cancelled nothing counts as fresh: the rest of its run may
# go from page to page, each younger than the cancel.
ALERT_S = 5.0


class Wanted:
    """`learn_time` is to be called before the first look: without it everything counts as old."""

    def __init__(self, bus: WorkerBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._ahead_ms: int | None = None
        self._alert_until = 0.0

    def learn_time(self, server_ms: int) -> None:
        """What the server's clock, by which entry ids are made, shows now."""
        self._ahead_ms = server_ms - self._clock.now_ms()

    def note_cancel(self) -> None:
        """A token that ran was found cancelled."""
        self._alert_until = self._clock.monotonic() + ALERT_S

    async def cancelled(self, deliveries: Sequence[Delivery]) -> list[list[bool]]:
        """For each delivery which of its tokens were cancelled; one that is fresh is not asked
        about. If the bus is away nothing counts as cancelled: the owner drops such results."""
        flags = [[False] * len(delivery.tokens) for delivery in deliveries]
        old = [n for n, delivery in enumerate(deliveries) if self._is_old(delivery)]
        if not old:
            return flags
        try:
            partitions = sorted({deliveries[n].p for n in old})
            some = dict(zip(partitions, await self._bus.cancels(partitions), strict=True))
            asked = [n for n in old if some[deliveries[n].p]]
            tokens = [token for n in asked for token, _ in deliveries[n].tokens]
            found = iter(await self._bus.cancelled(tokens)) if tokens else iter(())
        except Unavailable as exc:
            log.debug("cancelled_unknown", error=str(exc))
            return flags
        for n in asked:
            flags[n] = [next(found) for _ in deliveries[n].tokens]
        return flags

    def _is_old(self, delivery: Delivery) -> bool:
        """Entries that were put back are younger than their tokens."""
        if self._ahead_ms is None or delivery.deliveries > 1:
            return True
        if self._clock.monotonic() < self._alert_until:
            return True
        added_at = int(delivery.id.split("-", 1)[0])
        return self._clock.now_ms() + self._ahead_ms - added_at >= FRESH_MS
