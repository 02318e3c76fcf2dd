"""Streams and consumer groups of the in-memory bus, with the semantics of Redis."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .api import MAX_PAIRS, Fields
from .codes import BusFault

StreamId = tuple[int, int]


def parse_id(text: str) -> StreamId:
    """ "ms-n" -> (ms, n). Raises ValueError on anything else."""
    ms, n = text.split("-")
    return int(ms), int(n)


def format_id(id: StreamId) -> str:
    return f"{id[0]}-{id[1]}"


def check_entries(entries: Iterable[Fields]) -> None:
    """Raises BusFault if one is empty or too long, before anything is written."""
    for fields in entries:
        if not 1 <= len(fields) <= MAX_PAIRS:
            raise BusFault(f"an entry of {len(fields)} pairs: from 1 to {MAX_PAIRS} are allowed")


@dataclass(slots=True)
class Pending:
    """An entry in a consumer's hands; `since` is when it was delivered or last renewed."""

    consumer: str
    since: int
    deliveries: int


@dataclass(slots=True)
class Stream:
    """Entries in the order of their ids, and one consumer group, absent until `ensure_group`.

    An id never goes back, not even when the clock does. A pending entry that is deleted leaves
    the pending list too: nothing here deletes without acknowledging.
    """

    last: StreamId = (0, 0)
    _ids: list[StreamId] = field(default_factory=list)
    _entries: dict[StreamId, Fields] = field(default_factory=dict)
    _delivered: StreamId | None = None
    pending: dict[StreamId, Pending] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, fields: Fields, now: int) -> StreamId:
        ms, n = self.last
        self.last = (now, 0) if now > ms else (ms, n + 1)
        self._ids.append(self.last)
        self._entries[self.last] = list(fields)
        return self.last

    def after(self, cursor: StreamId, count: int) -> Iterator[tuple[StreamId, Fields]]:
        start = bisect_right(self._ids, cursor)
        for id in self._ids[start : start + count]:
            yield id, self._entries[id]

    def first_after(self, cursor: StreamId) -> StreamId | None:
        return next((id for id, _ in self.after(cursor, 1)), None)

    def newest(self) -> StreamId | None:
        return self._ids[-1] if self._ids else None

    def entry(self, id: StreamId) -> Fields | None:
        return self._entries.get(id)

    def delete(self, id: StreamId) -> bool:
        if self._entries.pop(id, None) is None:
            return False
        del self._ids[bisect_left(self._ids, id)]
        self.pending.pop(id, None)
        return True

    def trim_through(self, cursor: StreamId) -> None:
        """Drop every entry up to and including `cursor`."""
        self._drop_first(bisect_right(self._ids, cursor))

    def trim_to(self, length: int) -> None:
        """Keep the newest `length` entries."""
        self._drop_first(max(0, len(self._ids) - length))

    def _drop_first(self, count: int) -> None:
        for id in self._ids[:count]:
            del self._entries[id]
        del self._ids[:count]

    def ensure_group(self) -> None:
        """Create the group at the beginning: entries older than it are delivered too."""
        if self._delivered is None:
            self._delivered = (0, 0)

    def deliver(self, consumer: str, count: int, now: int) -> list[tuple[StreamId, Fields]]:
        """The next undelivered entries, pending for `consumer` from now on."""
        assert self._delivered is not None, "deliver needs ensure_group"
        taken = list(self.after(self._delivered, count))
        for id, _ in taken:
            self._delivered = id
            self.pending[id] = Pending(consumer, now, 1)
        return taken

    def undelivered(self, count: int) -> Iterator[tuple[StreamId, Fields]]:
        return self.after(self._delivered or (0, 0), count)

    def held(self, id: StreamId, consumer: str) -> Pending | None:
        """The pending record of `id` if `consumer` holds it."""
        pending = self.pending.get(id)
        return pending if pending is not None and pending.consumer == consumer else None

    def take(self, id: StreamId) -> bool:
        """Acknowledge and delete a pending entry, whoever holds it; False if nobody does."""
        return id in self.pending and self.delete(id)

    def idle(self, min_idle_ms: int, limit: int, now: int) -> list[StreamId]:
        """The first `limit` pending entries that nobody renewed for `min_idle_ms`, by id."""
        stale = (id for id, p in sorted(self.pending.items()) if now - p.since >= min_idle_ms)
        return [id for id, _ in zip(stale, range(limit), strict=False)]
