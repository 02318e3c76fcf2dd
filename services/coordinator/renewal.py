"""Renews leases from a thread of its own: routing, however long, cannot let them lapse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from minuet.model.errors import BusUnavailable

log = structlog.get_logger()


class LeaseRenewer(Protocol):
    """The synchronous side of the bus."""

    def renew(self, leases: Mapping[int, str], lease_ms: int) -> dict[int, int | None]:
        """Renew owner by partition; the commit number that Redis holds, or None where the lease
        is not ours. Raises BusUnavailable."""


class RenewalThread:
    """Calls `report(owner by partition, answer)` after each round, from this thread.

    `leases` is read at each round: replace the mapping as a whole, never change it.
    """

    def __init__(
        self,
        renewer: LeaseRenewer,
        report: Callable[[Mapping[int, str], dict[int, int | None]], None],
        *,
        lease_ms: int,
        every_ms: int,
    ) -> None:
        self.leases: Mapping[int, str] = {}
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
            leases = self.leases
            if not leases:
                continue
            try:
                answer = self._renewer.renew(leases, self._lease_ms)
            except BusUnavailable as exc:
                # Nothing to report: if the lease lapses, the fence decides.
                log.warning("renewal_failed", error=str(exc))
            else:
                self._report(leases, answer)
