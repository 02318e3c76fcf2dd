"""Entries of the event streams as batches of transitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from minuet.bus.api import Entry
from minuet.model.event import EVENT_VERSION, CommitRecord

from .chain import Recordable

MAX_TRANSITIONS: Final = 4_000
MAX_BYTES: Final = 8 * 1024 * 1024

_decode = msgspec.json.Decoder(CommitRecord).decode


@dataclass(slots=True)
class Batch:
    """What goes into one transaction. `unreadable` are entries with the reason."""

    items: list[Recordable] = field(default_factory=list)
    ids: dict[int, list[str]] = field(default_factory=dict)
    unreadable: list[tuple[Entry, str]] = field(default_factory=list)
    size_bytes: int = 0

    def take(self, entry: Entry) -> None:
        self.ids.setdefault(entry.p, []).append(entry.id)
        try:
            text = dict(entry.fields)["e"]
            self.size_bytes += len(text)
            commit = _read(text)
        except (KeyError, ValueError, msgspec.MsgspecError) as error:
            self.unreadable.append((entry, f"{type(error).__name__}: {error}"))
            return
        id, time = commit.id, datetime.fromtimestamp(commit.time / 1000, UTC)
        self.items.extend(Recordable(id, time, record) for record in commit.runs)

    @property
    def full(self) -> bool:
        return len(self.items) >= MAX_TRANSITIONS or self.size_bytes >= MAX_BYTES


def batches(entries: Sequence[Entry]) -> Iterator[Batch]:
    """The entries in order, cut where a batch is full; an entry is never divided."""
    batch = Batch()
    for entry in entries:
        batch.take(entry)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.ids:
        yield batch


def _read(text: bytes) -> CommitRecord:
    commit = _decode(text)
    if not EVENT_VERSION - 1 <= commit.v <= EVENT_VERSION:
        raise ValueError(f"version {commit.v} of commit records is not understood")
    return commit
