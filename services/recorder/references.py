"""The blobs that events name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Final

import msgspec
import structlog

from minuet.bus.api import CacheBus
from minuet.model.canonical import digest as digest_of
from minuet.model.errors import BusUnavailable
from minuet.model.event import REFERENCE_MARK
from minuet.model.token import CasRef
from minuet.store.blobs import Key, missing_blobs
from minuet.store.database import Database
from minuet.store.uses import Use, references_in

from . import metrics
from .chain import Recordable

log = structlog.get_logger()

AT_ONCE: Final = 16
PORTION_BYTES: Final = 16 * 1024 * 1024


class _Data(msgspec.Struct, frozen=True):
    output_ref: CasRef | None = None
    outputs_ref: dict[str, CasRef] | None = None


class _EventText(msgspec.Struct):
    data: _Data = _Data()


_decode = msgspec.json.Decoder(list[_EventText]).decode


def named_blobs(batch: Iterable[Recordable]) -> dict[Key, int]:
    """What the events name, with its size as they say it. They are decoded only where the text
    holds a reference at all. Raises MsgspecError for references that are none."""
    named: dict[Key, int] = {}
    for item in batch:
        record = item.record
        if record.plain or REFERENCE_MARK not in bytes(record.events):
            continue
        for event in _decode(record.events):
            refs = [*(event.data.outputs_ref or {}).values()]
            if event.data.output_ref is not None:
                refs.append(event.data.output_ref)
            named.update({(record.tenant, ref.digest): ref.size_bytes for ref in refs})
    return named


def uses_in(accepted: Iterable[Recordable]) -> set[Use]:
    """Which blobs the histories use from now on."""
    return {
        Use(item.record.tenant, digest, item.record.run)
        for item in accepted
        if not item.record.plain and REFERENCE_MARK in (text := bytes(item.record.events))
        for digest in references_in(text)
    }


Stands = Callable[[], Awaitable[bool]]
"""Whether Redis still holds the entries that are being recorded."""


async def fetch_missing(
    database: Database, bus: CacheBus, batch: Iterable[Recordable], stands: Stands, *, ttl_s: int
) -> AsyncIterator[dict[Key, bytes]]:
    """The blobs that the batch names and Postgres lacks, from the cache, in portions that fit into
    memory: a batch may name thousands of large ones.

    One that the cache has lost or damaged is left out and logged: the history is worth more with
    a hole than not at all. But if the entries are lost too, Redis was emptied or went back: then
    these steps are better run again than recorded without their results, and BusUnavailable is
    raised. Raises StoreUnavailable, MsgspecError.
    """
    named = named_blobs(batch)
    if not named:
        return
    async with database.connection() as c:
        missing = sorted(await missing_blobs(c, sorted(named)))
    for portion in _portions(missing, named):
        found = await _fetch(bus, portion, ttl_s)
        lost = [key for key in portion if key not in found]
        if lost and not await stands():
            raise BusUnavailable("Redis lost the events that were being recorded")
        for tenant, digest in lost:
            metrics.BLOBS_MISSING.inc()
            log.error("blob_missing", tenant=tenant, digest=digest)
        yield found


def _portions(keys: list[Key], sizes: dict[Key, int]) -> Iterator[list[Key]]:
    portion: list[Key] = []
    size_bytes = 0
    for key in keys:
        if portion and (len(portion) >= AT_ONCE or size_bytes + sizes[key] > PORTION_BYTES):
            yield portion
            portion, size_bytes = [], 0
        portion.append(key)
        size_bytes += sizes[key]
    if portion:
        yield portion


async def _fetch(bus: CacheBus, keys: list[Key], ttl_s: int) -> dict[Key, bytes]:
    """Those that the cache has whole."""
    blobs = await asyncio.gather(*(bus.cas_get(*key, ttl_s=ttl_s) for key in keys))
    found = {key: data for key, data in zip(keys, blobs, strict=True) if data is not None}
    return {key: data for key, data in found.items() if digest_of(data) == key[1]}
