"""Renews leases from a thread of its own: routing, however long, cannot let them lapse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import structlog

from minuet.model.errors import BusUnavailable

log = structlog.get_logger()


class LeaseRenewer(Protocol):
    """The synchronous side of the bus."""

    def renew(self, leases: Mapping[int, str], lease_ms: int) -> dict[int, int | None]:
        """Renew owner by partition; the commit number that Redis holds, or None where the lease
        is not ours. Raises BusUnavailable."""


class Leased(Protocol):
    """A partition, as far as its lease goes; `acknowledged` is the last commit so far."""

    owner: str
    acknowledged: int


class Held(NamedTuple):
    owner: str
    acknowledged: int


class RenewalThread:
    """Calls `report(what was held when it asked, answer)` after each round, from this thread.

    `leases` is read at each round: replace the mapping as a whole, never change it.
    """

    def __init__(
        self,
        renewer: LeaseRenewer,
        report: Callable[[Mapping[int, Held], dict[int, int | None]], None],
        *,
        lease_ms: int,
        every_ms: int,
    ) -> None:
        self.leases: Mapping[int, Leased] = {}
        self._renewer = renewer
        self._report = report
        self._lease_ms = lease_ms
        self._every_s = every_ms / 1000
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-renewal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the thread; harmless when repeated."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.turn()

    def turn(self) -> None:
        """One round."""
        # Read before asking: what was acknowledged by then must be there.
        held = {p: Held(each.owner, each.acknowledged) for p, each in self.leases.items()}
        if not held:
            return
        owners = {p: each.owner for p, each in held.items()}
        try:
            answer = self._renewer.renew(owners, self._lease_ms)
        except BusUnavailable as exc:
            # Nothing to report: if the lease lapses, the fence decides.
            log.warning("renewal_failed", error=str(exc))
        else:
            self._report(held, answer)
