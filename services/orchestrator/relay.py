"""Carry accepted commands from Postgres to Redis until a recorded transition confirms them.

A command just accepted is sent at once. Whatever goes wrong there, the sweep finds it: each
second it sends again what is not confirmed, with growing distance between two sendings of a run.
The owner of the run drops repeats, so sending twice is harmless.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import msgspec
import structlog

from minuet.bus.api import Fields
from minuet.model.errors import Unavailable
from minuet.model.signal import Command
from minuet.store import commands
from minuet.store.commands import CommandRow, PendingRun
from minuet.store.database import Database
from minuet.store.runs import StartRow

from .admission import Admission
from .metrics import RELAY_FAILED, RELAYED, UNCONFIRMED
from .ports import Bus, Cas
from .start import blobs_of, start_of

log = structlog.get_logger(__name__)

NOT_AFTER_MS: Final = 30_000
SWEEP_S: Final = 1.0
SWEEP_RUNS: Final = 1_000
LEAST_SPACING_S: Final = 2.0
MOST_SPACING_S: Final = 30.0
CACHED_S: Final = 300.0
SEND_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Parcel:
    """One signal on its way, with the blobs that its reader will want, its compiled document first.

    Starts travel apart: a full Redis refuses a call with a start in it, and takes the others.
    """

    p: int
    tenant: str
    is_start: bool
    blobs: tuple[str, ...]
    fields: Callable[[int], Fields]


class Relay:
    def __init__(
        self,
        db: Database,
        bus: Bus,
        cas: Cas,
        admission: Admission,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._bus = bus
        self._cas = cas
        self._admission = admission
        self._clock = clock
        self._offered: list[Parcel] = []
        self._arrived = asyncio.Event()
        self._cached: dict[tuple[str, str], float] = {}

    def forget_cached(self) -> None:
        """Redis was emptied or went back: blobs that were there may be gone."""
        self._cached.clear()

    def offer_start(self, row: StartRow) -> None:
        """Send the start of a run whose row was just committed."""
        self._offer(start_parcel(row))

    def offer_starts(self, rows: Iterable[StartRow]) -> None:
        for row in rows:
            self.offer_start(row)

    def offer_command(self, p: int, tenant: str, row: CommandRow) -> None:
        self._offer(command_parcel(p, tenant, row))

    def _offer(self, parcel: Parcel) -> None:
        self._offered.append(parcel)
        self._arrived.set()

    async def send_offered(self) -> None:
        """Duty: send what was offered, in the order of the offers. What fails is left to sweeps."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what was offered so far; while Redis is overloaded starts are left to sweeps."""
        while self._offered:
            batch = self._offered[:SEND_AT_ONCE]
            del self._offered[:SEND_AT_ONCE]
            if self._admission.overloaded:
                batch = [parcel for parcel in batch if not parcel.is_start]
            await self._send(batch, self._admission.redis_now)

    async def sweep_for_ever(self) -> None:
        """Duty: send again, each second, what no recorded transition confirms."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("relay_sweep_failed", code=error.code, reason=str(error))

    async def sweep(self) -> int:
        """One round; how many signals were sent. While Redis is overloaded starts rest; commands of
        runs that were sent go on, and so do cancels of others: they let it drain.

        Redis time is read before the rows: a run that ends after that reading can refuse the
        start by its `not_after`, one that ended before is not among the rows.
        """
        async with self._db.connection() as c:
            UNCONFIRMED.set(await commands.count_unconfirmed(c))
        starts = not self._admission.overloaded
        now = await self._bus.now()
        async with self._db.transaction() as c:
            due = await commands.claim_unconfirmed(
                c, limit=SWEEP_RUNS, least_s=LEAST_SPACING_S, most_s=MOST_SPACING_S,
                starts=starts,
            )  # fmt: skip
        parcels = [parcel for run in due for parcel in _parcels(run, starts)]
        for at in range(0, len(parcels), SEND_AT_ONCE):
            await self._send(parcels[at : at + SEND_AT_ONCE], now)
        return len(parcels)

    async def _send(self, batch: list[Parcel], now: int) -> None:
        """Call by call: what one partition refuses, or a full Redis refuses to starts, must not
        keep the rest of the batch."""
        not_after = now + NOT_AFTER_MS
        by_call: defaultdict[tuple[bool, int], list[Parcel]] = defaultdict(list)
        for parcel in batch:
            by_call[not parcel.is_start, parcel.p].append(parcel)
        for (_, p), parcels in sorted(by_call.items(), key=itemgetter(0)):
            try:
                await self._cache(parcels)
                signals = [parcel.fields(not_after) for parcel in parcels]
                RELAYED.inc(await self._bus.send(p, signals, not_after=not_after))
            except Unavailable as error:
                RELAY_FAILED.inc(len(parcels))
                log.warning(
                    "relay_failed",
                    partition=p, code=error.code, reason=str(error), signals=len(parcels),
                )  # fmt: skip

    async def _cache(self, batch: Iterable[Parcel]) -> None:
        """Put blobs into the cache in Redis; compiled documents unless that was done lately. The
        others must be there: workers have no other store, and what only ended runs name leaves."""
        now = self._clock()
        named = dict.fromkeys(
            (each.tenant, blob, at == 0) for each in batch for at, blob in enumerate(each.blobs)
        )
        for tenant, blob, is_document in named:
            if is_document and self._cached.get((tenant, blob), 0.0) > now:
                continue
            await self._cas.warm(tenant, blob)
            if is_document:
                self._cached[tenant, blob] = now + CACHED_S
        if len(self._cached) > 10_000:
            self._cached = {key: until for key, until in self._cached.items() if until > now}


def _parcels(run: PendingRun, starts: bool) -> list[Parcel]:
    """A run that is cancelled before it began is sent whatever it waits for: its owner ends it at
    once. Should it have begun meanwhile, that start is a repeat and the cancel follows."""
    tenant = run.start.tenant
    stop = next((row for row in run.commands if row.name == "cancel"), None)
    wanted = run.unstarted and (starts or stop is not None)
    parcels = [start_parcel(run.start, stop)] if wanted else []
    return parcels + [command_parcel(run.partition, tenant, row) for row in run.commands]


def start_parcel(row: StartRow, stop: CommandRow | None = None) -> Parcel:
    def fields(not_after: int) -> Fields:
        start = start_of(row, not_after=not_after, stop=_command(stop) if stop else None)
        return [("k", b"start"), ("s", msgspec.json.encode(start))]

    return Parcel(row.partition, row.tenant, True, blobs_of(row), fields)


def command_parcel(p: int, tenant: str, row: CommandRow) -> Parcel:
    def fields(not_after: int) -> Fields:
        return [("k", b"command"), ("s", msgspec.json.encode(_command(row, not_after)))]

    return Parcel(p, tenant, False, (), fields)


def _command(row: CommandRow, not_after: int = 0) -> Command:
    return Command(
        run=row.run_id,
        number=row.number,
        name=row.name,  # type: ignore[arg-type]  # written by add_command from the same set
        data=row.data,
        principal=row.principal,
        not_after=not_after,
    )
