"""One batch, one transaction; and what to do with a batch that Postgres does not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

import asyncpg
import msgspec
import structlog

from minuet.bus.api import CacheBus, Entry, RecorderBus
from minuet.cas.cas import TTL_S
from minuet.store import deletion, history, uses
from minuet.store.blobs import Key, insert_blobs
from minuet.store.children import insert_children
from minuet.store.database import Database
from minuet.store.history import NewDeadLetter

from . import approvals, metrics, patches, refusals
from .chain import Recordable, Verdict, doubtful, judge
from .children import born
from .references import fetch_missing, uses_in

if TYPE_CHECKING:
    from minuet.store.database import Connection

log = structlog.get_logger()
Blobs: TypeAlias = dict[Key, bytes]
Ids: TypeAlias = Mapping[int, Sequence[str]]
LAST_OF_MS = 2**64 - 1

# What speaks against the data of a batch, and never against the state of the server.
POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    UnicodeError,
    msgspec.MsgspecError,
)


class Bus(CacheBus, RecorderBus, Protocol):
    """The part of the bus that is needed here."""


class Writer:
    def __init__(self, database: Database, bus: Bus, *, blob_ttl_s: int = TTL_S) -> None:
        self._database = database
        self._bus = bus
        self._blob_ttl_s = blob_ttl_s

    async def write(self, ids: Ids, items: list[Recordable]) -> list[Verdict]:
        """Store what follows; several verdicts if the batch had to be divided. `ids` are the
        entries, by partition, in which the items stand.

        Data that Postgres refuses is found by halving the batch and dead-lettered, so that one
        bad transition cannot hold up the others. Raises StoreUnavailable and BusUnavailable:
        then it is unknown what was stored, and writing again is harmless.
        """
        try:
            return [await self._store(ids, items)]
        except POISON as error:
            if len(items) == 1:
                await self._bury(items[0], f"{type(error).__name__}: {error}")
                return []
            log.warning("batch_divided", transitions=len(items), error=str(error))
        half = len(items) // 2
        verdicts = await self.write(ids, items[:half])
        return verdicts + await self.write(ids, items[half:])

    async def _store(self, ids: Ids, items: list[Recordable]) -> Verdict:
        blobs = await self._store_all_but_last(ids, items)
        with metrics.BATCH_SECONDS.time():
            async with self._database.transaction() as c:
                await history.lock_partitions(c, sorted(ids))
                verdict = await self._judge(c, items)
                if blobs:
                    await insert_blobs(c, blobs)
                await _apply(c, verdict)
        metrics.BLOBS.inc(len(blobs))
        _tell(verdict)
        return verdict

    async def _store_all_but_last(self, ids: Ids, items: list[Recordable]) -> Blobs:
        """Stores the blobs that the batch names, portion by portion; the last portion, mostly the
        only one, is left to the transaction. A blob whose event is not stored does no harm."""
        last: Blobs = {}
        stand = partial(self._stand, ids)
        found = fetch_missing(self._database, self._bus, items, stand, ttl_s=self._blob_ttl_s)
        async for blobs in found:
            if last:
                async with self._database.transaction() as c:
                    await insert_blobs(c, last)
                metrics.BLOBS.inc(len(last))
            last = blobs
        return last

    async def _stand(self, ids: Ids) -> bool:
        """Whether the oldest entry of each partition is still there."""
        before = {p: _id_before(of_p[0]) for p, of_p in ids.items()}
        found = await self._bus.read_events(before, count=1, block_ms=0)
        return {p: of_p[0] for p, of_p in ids.items()} == {each.p: each.id for each in found}

    async def _judge(self, c: Connection, items: list[Recordable]) -> Verdict:
        heads = await history.run_heads(c, list({item.record.run for item in items}))
        if starts := born(items, heads):
            await insert_children(c, starts)
            heads |= await history.run_heads(c, [start.run for start in starts])
        past = doubtful(items, heads)
        verdict = judge(items, heads, await history.stored_commits(c, past) if past else {})
        if verdict.unknown:
            await _pass_over_deleted(c, verdict)
        return verdict

    async def _bury(self, item: Recordable, reason: str) -> None:
        metrics.POISON.labels("refused").inc()
        log.error("transition_refused", run_id=item.record.run, reason=reason)
        async with self._database.transaction() as c:
            await history.insert_dead_letters(c, [_letter(item, "refused_transition", reason)])
            await history.request_restores(c, [item.record.run])

    async def bury_unreadable(self, unreadable: list[tuple[Entry, str]]) -> None:
        """Keep entries of which not even the run can be told."""
        for entry, reason in unreadable:
            metrics.POISON.labels("unreadable").inc()
            log.error("entry_unreadable", partition=entry.p, entry=entry.id, reason=reason)
        letters = [
            NewDeadLetter("", None, None, "unreadable_event_entry", _describe(entry, reason))
            for entry, reason in unreadable
        ]
        async with self._database.transaction() as c:
            await history.insert_dead_letters(c, letters)


async def _pass_over_deleted(c: Connection, verdict: Verdict) -> None:
    """What is told again, or too late, of runs that somebody deleted is no loss."""
    gone = await deletion.deleted_among(c, [item.record.run for item in verdict.unknown])
    verdict.deleted = sum(item.record.run in gone for item in verdict.unknown)
    verdict.unknown = [item for item in verdict.unknown if item.record.run not in gone]


async def _apply(c: Connection, verdict: Verdict) -> None:
    if verdict.rows:
        await history.insert_transitions(c, verdict.rows)
        if named := uses_in(verdict.accepted):
            await uses.note_uses(c, named)
        await history.project(c, list(verdict.projections.values()))
        await approvals.project(c, verdict)
        await patches.project(c, verdict)
        await refusals.project(c, verdict)
    if verdict.forks:
        await history.request_restores(c, list(verdict.forks))
    if verdict.unknown:
        letters = [_letter(item, "unknown_run", "no such run") for item in verdict.unknown]
        await history.insert_dead_letters(c, letters)


def _tell(verdict: Verdict) -> None:
    metrics.TRANSITIONS.inc(len(verdict.rows))
    metrics.BATCH_TRANSITIONS.observe(len(verdict.rows))
    metrics.DUPLICATES.inc(verdict.duplicates + verdict.deleted)
    metrics.FORKS.inc(verdict.refused)
    metrics.GAPS.inc(verdict.gaps)
    for run, item in verdict.forks.items():
        log.warning("fork_refused", run_id=run, commit=item.commit, prev=item.record.prev)
    for item in verdict.unknown:
        metrics.POISON.labels("unknown_run").inc()
        log.error("run_unknown", run_id=item.record.run, tenant=item.record.tenant)


def _letter(item: Recordable, kind: str, reason: str) -> NewDeadLetter:
    record = item.record
    data = {
        "reason": reason,
        "commit": item.commit,
        "prev": record.prev,
        "seq": record.seq,
        "events": bytes(record.events).decode(errors="replace"),
    }
    return NewDeadLetter(record.tenant, record.run, None, kind, data)


def _id_before(id: str) -> str:
    ms, n = map(int, id.split("-"))
    return f"{ms}-{n - 1}" if n else f"{ms - 1}-{LAST_OF_MS}"


def _describe(entry: Entry, reason: str) -> dict[str, object]:
    fields = [[name, value.decode(errors="replace")] for name, value in entry.fields]
    return {"reason": reason, "partition": entry.p, "entry": entry.id, "fields": fields}
