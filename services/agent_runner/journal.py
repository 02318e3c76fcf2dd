"""The journal of one execution: every finished turn and its results, before the next request.

Entries are blobs, each naming the one before; a pointer on the bus names the last. Its key comes
from run, node and gen, so retries and redeliveries go on where the last worker stopped.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
import stamina
import structlog

from minuet.bus.api import JournalBus
from minuet.model.canonical import canonical_json
from minuet.model.errors import MinuetError, NotFound, Unavailable
from minuet.model.token import CasRef

from .turns import Acted, Entry, Replied

log = structlog.get_logger()
RETRY_S = 30.0


class Blobs(Protocol):
    @property
    def ttl_s(self) -> int: ...

    async def get(self, tenant: str, digest: str) -> bytes: ...

    async def put(self, tenant: str, data: bytes) -> CasRef: ...


class Moved(MinuetError):
    """Another worker wrote meanwhile: load the journal anew."""

    code = "journal_moved"


class Page(msgspec.Struct, omit_defaults=True):
    entry: Replied | Acted
    previous: str | None = None
    v: int = 1


class Journal:
    """One execution's. `load` first, then `add` in order; both wait for a bus that is away."""

    def __init__(self, bus: JournalBus, blobs: Blobs, tenant: str, key: str) -> None:
        self._bus = bus
        self._blobs = blobs
        self._tenant = tenant
        self._key = key
        self._stands: str | None = None
        self._last: str | None = None

    @stamina.retry(on=Unavailable, attempts=None, timeout=RETRY_S)
    async def load(self) -> list[Entry]:
        """What is journaled, oldest first. Raises Unavailable."""
        self._stands = self._last = await self._bus.journal_at(self._tenant, self._key)
        entries: list[Entry] = []
        at = self._stands
        try:
            while at is not None:
                data = await self._blobs.get(self._tenant, at)
                page = msgspec.json.decode(data, type=Page)
                entries.append(page.entry)
                at = page.previous
        except NotFound:
            log.warning("journal_incomplete", digest=at, key=self._key)
            self._last = None
            return []
        return entries[::-1]

    async def add(self, entry: Entry) -> None:
        """Durable as the bus is when it returns. Raises Moved, Unavailable."""
        page = canonical_json(msgspec.to_builtins(Page(entry, self._last)))
        digest = await self._write(page)
        self._stands = self._last = digest

    @stamina.retry(on=Unavailable, attempts=None, timeout=RETRY_S)
    async def _write(self, page: bytes) -> str:
        """Blob first, then the pointer: repeating both is harmless."""
        ref = await self._blobs.put(self._tenant, page)
        moved = await self._bus.move_journal(
            self._tenant, self._key, self._stands, ref.digest, ttl_s=self._blobs.ttl_s
        )
        if not moved:
            raise Moved(f"another worker has the execution {self._key}")
        return ref.digest
