"""Which partitions this coordinator owns: claims them greedily, up to its share."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Mapping
from math import ceil
from typing import Any, Protocol
from zlib import crc32

import structlog

from minuet.bus.api import CoordinatorBus, SignalBus
from minuet.bus.gate import Gate
from minuet.model.errors import BusUnavailable
from minuet.settings import CoordinatorSettings

from . import metrics
from .clock import RedisClock
from .partition import OwnedPartition
from .renewal import Held, LeaseRenewer, RenewalThread

log = structlog.get_logger()

LOOKS_A_LEASE = 10


class Bus(CoordinatorBus, SignalBus, Protocol):
    """What claiming needs of the bus."""


class Ownership:
    """`owned` maps partitions to what is held in memory of them. A partition that is lost is
    acquired anew under a fresh owner, with nothing kept.

    Who gives a partition up releases its lease: what lapses counts as the death of its owner, and
    would cast suspicion on the first unread signal. Only a lease that was lost by a faulty commit
    is left to lapse, so that the signal behind it is found. While a suspect is owned that was not
    tried yet, nothing more is claimed: should it kill this process, no innocent is counted."""

    def __init__(
        self,
        bus: Bus,
        renewer: LeaseRenewer,
        clock: RedisClock,
        settings: CoordinatorSettings,
    ) -> None:
        self.id = f"coordinator-{uuid.uuid4().hex[:12]}"
        self.owned: dict[int, OwnedPartition] = {}
        self.partitions = 0  # as published; 0 until it is known
        self.changed = asyncio.Event()  # set when `owned` changed or a claim is worth trying
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._former: dict[int, str] = {}  # leases to release: partition -> owner
        self._gate = Gate(bus)
        self._connections = 0
        self._asked: dict[int, str] = {}  # acquisitions of unknown outcome: partition -> owner
        self._loop = asyncio.get_running_loop()
        self._renewal = RenewalThread(
            renewer,
            self._renewed,
            lease_ms=settings.lease_ms,
            every_ms=settings.renew_ms,
        )

    @property
    def joined(self) -> bool:
        """Whether this coordinator takes part: it knows how many partitions there are."""
        return self.partitions > 0

    async def run(self, stop: asyncio.Event) -> None:
        """Claim, keep and give back partitions until `stop`; then release all."""
        self._renewal.start()
        while not stop.is_set():
            self.changed.clear()  # before the round: what changes during it asks for another
            try:
                await self._round()
            except BusUnavailable as exc:
                log.warning("claiming_failed", error=str(exc))
            # Often: a dead owner's partition is taken right after its lease lapses.
            await self._woken(stop, self._settings.lease_ms / 1000 / LOOKS_A_LEASE)

    async def _woken(self, stop: asyncio.Event, seconds: float) -> None:
        """Sleep, but no longer than until something changed or `stop` is set."""
        waits = {asyncio.ensure_future(each.wait()) for each in (stop, self.changed)}
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def close(self) -> None:
        """Release every lease; call after the last commit was drained."""
        await asyncio.to_thread(self._renewal.stop)
        for p, owner in [(p, each.owner) for p, each in self.owned.items()] + [
            *self._former.items(),
            *self._asked.items(),
        ]:
            try:
                await self._bus.release(p, owner)
            except BusUnavailable as exc:
                log.warning("release_failed", partition=p, error=str(exc))
        self.owned.clear()
        self._publish()
        try:
            await self._bus.leave(self.id)
        except BusUnavailable as exc:
            log.warning("leave_failed", error=str(exc))

    async def _round(self) -> None:
        partitions = await self._bus.partitions()
        if partitions is None:
            return  # nobody published how many there are: the orchestrator will
        self.partitions = partitions
        self._drop_what_may_have_gone_back()
        live = await self._bus.join(self.id, stale_after_ms=self._settings.lease_ms)
        await self._release_former()
        share = ceil(partitions / max(1, live))
        await self._give_back(share)
        wanted = self._wanted(partitions) if len(self.owned) < share else []
        shut = await self._gate.shut(wanted)
        for p in wanted:
            if len(self.owned) >= share or self._suspects():
                break
            if p not in shut:
                await self._try(p, self._claim(p))

    def _drop_what_may_have_gone_back(self) -> None:
        """After a reconnection: no commit need have been lost for a timer to stand again that was
        fired, and nobody would look for it."""
        if self._connections != self._bus.connections:
            self._connections = self._bus.connections
            self._clock.forget()
            for each in list(self.owned.values()):
                each.give_up("reconnected")

    def _wanted(self, partitions: int) -> list[int]:
        # Each coordinator starts at another place, so that two that start together do not race.
        first = crc32(self.id.encode()) % partitions
        order = [(first + i) % partitions for i in range(partitions)]
        return [p for p in order if p not in self.owned]

    def _suspects(self) -> bool:
        return any(each.is_suspect and not each.tried for each in self.owned.values())

    async def _try(self, p: int, act: Coroutine[Any, Any, None]) -> None:
        """Of a cluster one node may be away: what lies on others must not wait for it."""
        try:
            await act
        except BusUnavailable as exc:
            log.warning("claiming_failed", partition=p, error=str(exc))

    async def _release_former(self) -> None:
        for p, owner in list(self._former.items()):
            await self._try(p, self._release(p, owner))

    async def _release(self, p: int, owner: str) -> None:
        await self._bus.release(p, owner)
        if self._former.get(p) == owner:
            del self._former[p]

    async def _claim(self, p: int) -> None:
        # The same owner until an answer comes: a lost reply may have brought the lease.
        owner = self._asked.setdefault(p, uuid.uuid4().hex[:16])
        sent = self._clock.local()
        lease = await self._bus.acquire(p, owner, self._settings.lease_ms)
        stale = None if lease is None else await self._bus.stale_runs(p)
        del self._asked[p]
        if lease is None:
            return
        self._clock.learn(sent, lease.now)
        partition = OwnedPartition(lease, self._bus, self._clock, self._on_lost, stale)
        self.owned[p] = partition
        metrics.TAKEOVERS.inc()
        log.info("partition_acquired", partition=p, commit=lease.commit, takeovers=lease.takeovers)
        self._publish()
        try:
            partition.outstanding.update(await self._bus.backlog(p))
        except BusUnavailable as exc:  # it only sizes pages
            log.warning("backlog_unknown", partition=p, error=str(exc))

    async def _give_back(self, share: int) -> None:
        for p in sorted(self.owned)[share:]:
            partition = self.owned.pop(p)
            self._publish()
            partition.lost = True  # the reader must not send for it any more
            await partition.drained()
            self._former[p] = partition.owner
            await self._release_former()
            log.info("partition_released", partition=p)

    def _on_lost(self, partition: OwnedPartition) -> None:
        if self.owned.get(partition.p) is partition:
            del self.owned[partition.p]
            if partition.lost_by != "error":
                self._former[partition.p] = partition.owner
        self._publish()
        self.changed.set()

    def _publish(self) -> None:
        self._renewal.leases = dict(self.owned)
        metrics.PARTITIONS.set(len(self.owned))

    def _renewed(self, held: Mapping[int, Held], answer: dict[int, int | None]) -> None:
        """Runs in the renewal thread."""
        self._loop.call_soon_threadsafe(self._judge, held, answer)

    def _judge(self, held: Mapping[int, Held], answer: dict[int, int | None]) -> None:
        for p, number in answer.items():
            partition = self.owned.get(p)
            if partition is None or partition.owner != held[p].owner:
                continue
            if number is None:
                partition.give_up("lease_lost")
            elif number < held[p].acknowledged:
                partition.give_up("server_went_back")
