"""What the in-memory bus stores: plain data that a snapshot can copy whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .api import MAX_PAIRS, Fields, StaleRuns, WorkerInfo
from .memory_stream import Stream, StreamId

CANCELLED_MS = 3_600_000
"""How long a cancelled token is remembered."""


@dataclass(slots=True)
class LeaseState:
    """`owner` is None when released; `first` was the first unread signal when it was acquired."""

    owner: str | None = None
    expires_at: int = 0
    commit: int = 0
    cursor: StreamId = (0, 0)
    takeovers: int = 0
    first: StreamId | None = None


@dataclass(slots=True)
class PageEntry:
    """What Redis keeps beside a page: deliveries before this entry, and the token in hand."""

    deliveries: int = 0
    in_hand: str | None = None


@dataclass(slots=True)
class Partition:
    """Everything under one hash tag."""

    signals: Stream = field(default_factory=Stream)
    events: Stream = field(default_factory=Stream)
    live: Stream = field(default_factory=Stream)
    dead: Stream = field(default_factory=Stream)
    tasks: dict[str, Stream] = field(default_factory=dict)
    pages: dict[tuple[str, StreamId], PageEntry] = field(default_factory=dict)
    timers: dict[str, int] = field(default_factory=dict)
    cancelled: dict[str, int] = field(default_factory=dict)
    lease: LeaseState | None = None
    voucher: str | None = None
    stale: StaleRuns | None = None
    runs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    outputs: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def task_stream(self, type: str) -> Stream:
        return self.tasks.setdefault(type, Stream())

    def add_page(
        self, type: str, tokens: Iterable[tuple[str, bytes]], now: int, *, deliveries: int = 0
    ) -> None:
        """`deliveries` are those that the tokens had in earlier entries."""
        id = self.task_stream(type).add(list(tokens), now)
        if deliveries:
            self.pages[type, id] = PageEntry(deliveries)

    def page(self, type: str, id: StreamId) -> PageEntry:
        return self.pages.get((type, id)) or PageEntry()

    def remaining(self, type: str, id: StreamId) -> Fields:
        """Tokens that entry `id` still holds: after a split only the one in hand."""
        tokens = self.task_stream(type).entry(id) or []
        in_hand = self.page(type, id).in_hand
        return [t for t in tokens if in_hand is None or t[0] == in_hand]

    def take_page(self, type: str, id: StreamId) -> bool:
        """Acknowledge and delete; False if the entry is in nobody's hands."""
        stream = self.tasks.get(type)
        taken = stream is not None and stream.take(id)
        if taken:
            self.pages.pop((type, id), None)
        return taken

    def add_done(self, results: Iterable[tuple[str, bytes]], now: int) -> None:
        """One `done` signal for all results (more if there are very many); none for none."""
        results = list(results)
        for i in range(0, len(results), MAX_PAIRS - 1):
            self.signals.add([("k", b"done"), *results[i : i + MAX_PAIRS - 1]], now)

    def was_cancelled(self, token: str, now: int) -> bool:
        at = self.cancelled.get(token)
        return at is not None and now - at < CANCELLED_MS

    def set_fields(self, run: str, fields: Mapping[str, str | bytes]) -> None:
        if fields:
            self.runs.setdefault(run, {}).update({k: as_bytes(v) for k, v in fields.items()})

    def set_outputs(self, run: str, outputs: Mapping[str, bytes]) -> None:
        if outputs:
            self.outputs.setdefault(run, {}).update(outputs)


def as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


@dataclass(slots=True)
class State:
    """The whole server."""

    partitions: defaultdict[int, Partition] = field(default_factory=lambda: defaultdict(Partition))
    published: int | None = None
    coordinators: dict[str, int] = field(default_factory=dict)
    workers: dict[str, tuple[WorkerInfo, int]] = field(default_factory=dict)
    cas: dict[tuple[str, str], tuple[bytes, int]] = field(default_factory=dict)
    journals: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    tickets: dict[str, tuple[bytes, int]] = field(default_factory=dict)
