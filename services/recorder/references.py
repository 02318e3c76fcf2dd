"""The blobs that events name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from minuet.bus.api import CacheBus
from minuet.cas.cas import TTL_S
from minuet.model.canonical import digest as digest_of
from minuet.model.event import Event
from minuet.store.blobs import Key, missing_blobs
from minuet.store.database import Database

from . import metrics
from .chain import Recordable

log = structlog.get_logger()
_decode = msgspec.json.Decoder(list[Event]).decode

REFERENCES = ("output_ref", "outputs_ref")
MARK = b'"$cas"'
AT_ONCE = 16


def named_blobs(batch: Iterable[Recordable]) -> set[Key]:
    """Events are decoded only where the text holds a reference at all."""
    keys: set[Key] = set()
    for item in batch:
        record = item.record
        if MARK not in bytes(record.events):
            continue
        for event in _decode(record.events):
            for name in REFERENCES:
                if (ref := event.data.get(name)) is not None:
                    keys.add((record.tenant, ref["$cas"]))
    return keys


async def fetch_missing(
    database: Database, bus: CacheBus, batch: Iterable[Recordable]
) -> dict[Key, bytes]:
    """The blobs that the batch names and Postgres lacks, from the cache.

    One that the cache has lost or damaged is left out and logged: the history is worth more with
    a hole than not at all. Raises BusUnavailable, StoreUnavailable.
    """
    keys = sorted(named_blobs(batch))
    if not keys:
        return {}
    async with database.connection() as c:
        missing = sorted(await missing_blobs(c, keys))
    found: dict[Key, bytes] = {}
    for at in range(0, len(missing), AT_ONCE):
        part = missing[at : at + AT_ONCE]
        blobs = await asyncio.gather(*(bus.cas_get(*key, ttl_s=TTL_S) for key in part))
        for key, data in zip(part, blobs, strict=True):
            if data is None or digest_of(data) != key[1]:
                metrics.BLOBS_MISSING.inc()
                log.error("blob_missing", tenant=key[0], digest=key[1], damaged=data is not None)
            else:
                found[key] = data
    return found
