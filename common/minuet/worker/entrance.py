"""Whether pages may be taken: a server that came back may show tokens that were executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minuet.bus.gate import Gate

from .ports import RuntimeBus


class Entrance:
    """Asks after every reconnection, and costs nothing in between."""

    def __init__(self, bus: RuntimeBus, partitions: Callable[[], Sequence[int]]) -> None:
        self._bus = bus
        self._gate = Gate(bus)
        self._partitions = partitions
        self._open_at: int | None = None

    def doubt(self) -> None:
        """A call failed: the server may be another one when the next succeeds."""
        self._open_at = None

    @property
    def stands(self) -> bool:
        """Whether the connection is still the one that was asked about. To be looked at once more
        when something was taken: a call that met a lost connection may have been made on a new one.
        """
        return self._bus.trouble is None and self._open_at == self._bus.connections

    async def is_open(self) -> bool:
        """Raises Unavailable."""
        if self.stands:
            return True
        before = self._bus.connections
        shut = await self._gate.shut(self._partitions())
        # A connection that was lost meanwhile: the answer may be that of the server before.
        if shut or before != self._bus.connections:
            return False
        self._open_at = before
        return True
