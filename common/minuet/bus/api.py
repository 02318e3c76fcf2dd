"""The bus in the domain's words: what each kind of process may ask of it.

Two adapters keep these contracts and pass the same conformance suite: `redis.RedisBus` and
`memory.MemoryBus`. Every method may raise BusUnavailable; after that the outcome of a call that
writes is unknown. `p` is a partition number. Entry ids are Redis stream ids ("ms-n", "0-0" is
before the first). Instants are ms since the epoch by the clock of the Redis server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from minuet.model.event import LiveEvent
from minuet.model.node_type import NodeType

Fields = list[tuple[str, bytes]]
"""A stream entry: (name, value) pairs in order; names may repeat."""

MAX_PAIRS = 2_000
"""Pairs that one appended entry may hold. What a method appends itself (`done`) it divides."""


@dataclass(frozen=True, slots=True)
class Entry:
    p: int
    id: str
    fields: Fields


# ── coordinator ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Lease:
    """`commit` and `cursor` are where the last commit ended; `takeovers` counts the takeovers of
    another process's expired lease since the first unread signal became what it is: it starts
    again when that signal differs, and is 0 while nothing is unread. Acquiring a released or own
    lease adds nothing."""

    p: int
    owner: str
    commit: int
    cursor: str
    takeovers: int
    now: int


@dataclass(slots=True)
class RunWrite:
    """Changes of one run: hash fields to set. `purge` first drops everything of the run but its
    head (an archived run); `unlink` drops all (fields are then ignored); `replace` drops
    everything before setting (a restore)."""

    run: str
    fields: dict[str, str | bytes]
    outputs: dict[str, bytes] = field(default_factory=dict)
    purge: bool = False
    unlink: bool = False
    replace: bool = False


@dataclass(slots=True)
class Page:
    """One stream entry of `{p}:tasks:<type>`: token id -> JSON of TaskToken, at least one and at
    most MAX_PAIRS of them (so for every entry that is appended: BusFault otherwise)."""

    type: str
    tokens: list[tuple[str, bytes]]


@dataclass(slots=True)
class Commit:
    """One batch of one partition; `number` is that of the commit it builds on.

    `cursor` is the last signal consumed (signals up to it are trimmed). `signals` are appended
    to the partition's own signals. `dead_letters` go to the stream `{p}:dead` for the recorder.
    `timers_add` is (member, due_at), an instant; deletions come first, so a member in both lists
    stands. `cancelled` is remembered for one hour. `event` is the JSON of a CommitRecord.
    """

    p: int
    owner: str
    number: int
    cursor: str
    runs: list[RunWrite] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    timers_add: list[tuple[str, int]] = field(default_factory=list)
    timers_del: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    signals: list[Fields] = field(default_factory=list)
    event: bytes | None = None
    dead_letters: list[Fields] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run as Redis holds it: `run:<id>` field -> text."""

    fields: Mapping[str, bytes]


class StaleRuns(msgspec.Struct, frozen=True):
    """Runs that an old copy of Redis shows as they were. Up to the signal `until`, before which
    their restores or ends stand, what comes for them was answered in a history that is lost."""

    runs: frozenset[str]
    until: str


class CoordinatorBus(Protocol):
    @property
    def connections(self) -> int:
        """Grows with every new connection: leases, timers and cursors may have gone back."""

    async def acquire(
        self, p: int, owner: str, lease_ms: int, *, now: int | None = None
    ) -> Lease | None:
        """Take the partition if it is free, expired, or already this owner's; None otherwise.
        Reads commit number and cursor in the same call. `owner` is fresh for every acquisition.
        """

    async def renew(self, p: int, owner: str, lease_ms: int) -> int | None:
        """Extend; the commit number that Redis holds, or None if the lease is not ours."""

    async def release(self, p: int, owner: str) -> bool: ...

    async def read_signals(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        """Entries after each partition's cursor, at most `count` a partition, in order; waits up
        to `block_ms` for the first (0 = do not wait). One XREAD for all partitions of a node."""

    async def load_runs(self, p: int, runs: Sequence[str]) -> list[Loaded | None]: ...

    async def load_outputs(self, p: int, run: str, nodes: Sequence[str]) -> list[bytes | None]: ...

    async def stale_runs(self, p: int) -> StaleRuns | None:
        """What `note_stale` left last."""

    async def commit(self, commit: Commit) -> int:
        """Apply all or nothing; Redis time after it. Raises Fenced if owner or number are not
        what Redis holds, and then nothing was written. The new number is `number + 1`. An expired
        lease that nobody took still commits: only another owner or number refuses."""

    async def fire_timers(self, p: int, *, limit: int = 500, now: int | None = None) -> int | None:
        """Move due timers into the partition's signals (one entry of kind `timer`, ordered by
        instant, then member), at most `limit`; the instant of the next one (it may be due
        already), or None if there is none."""

    async def join(self, coordinator: str, *, stale_after_ms: int) -> int:
        """Announce or renew a coordinator; how many are live, this one included."""

    async def leave(self, coordinator: str) -> None: ...

    async def backlog(self, p: int) -> dict[str, int]:
        """Undelivered plus pending entries by node type (gauge; not for decisions of state).
        A type without any may be absent."""


# ── everybody who sends signals ────────────────────────────────────────────────────────────────


class SignalBus(Protocol):
    async def now(self) -> int: ...

    async def send(self, p: int, signals: Sequence[Fields], *, not_after: int | None = None) -> int:
        """Append signals unless Redis time is past `not_after`; how many were appended (all or
        0). Raises Overloaded when Redis refuses for want of memory."""

    async def partitions(self) -> int | None:
        """The published number of partitions, None if nobody published one."""

    async def publish_partitions(self, count: int) -> None:
        """Publish it; a smaller number than the published one is ignored."""

    async def heads(self, p: int, runs: Sequence[str]) -> list[bytes | None]:
        """`head` of each run (see minuet.model.state.Head)."""

    async def unvouched(self, partitions: Sequence[int]) -> list[int]:
        """Those that may have gone back and were not compared with Postgres since (see
        minuet.bus.voucher): who builds on what stands there may tell another history."""

    async def server_id(self) -> str:
        """Changes whenever a server (of a cluster: any primary) was started anew or replaced, so
        that a change means that acknowledged writes may be gone."""


# ── reconciler ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SignalSpan:
    """`cursor` is the last signal that a commit consumed, `last` the newest one; equal if nothing
    is unread."""

    cursor: str
    last: str

    def has_passed(self, signal: str) -> bool:
        """Whether the owner has consumed `signal`."""
        return id_order(self.cursor) >= id_order(signal)


def id_order(id: str) -> tuple[int, int]:
    """What entry ids are ordered by; as text they are not."""
    ms, n = id.split("-")
    return int(ms), int(n)


class ReconcilerBus(SignalBus, Protocol):
    """Looks at everything. What must change is asked of the owner, but for tokens that a server
    brought back with it: these are withdrawn before any worker takes them."""

    async def vouchers(self, partitions: int) -> list[str | None]:
        """The text of each voucher, None where none stands."""

    async def vouch(self, p: int, *, before: str | None, after: str) -> bool:
        """Replace the voucher if it still reads `before`; False if it does not."""

    async def note_stale(self, p: int, stale: StaleRuns) -> None:
        """For the next owner; replaces what stood there. Kept for an hour."""

    async def withdraw(self, p: int, runs: Collection[str]) -> int:
        """Take every token of these runs out of the partition's task streams, in line or in a
        worker's hands; how many. Reads all entries. What stood in an entry beside them is
        delivered again, alone."""

    async def drop_timers(self, p: int, runs: Collection[str]) -> int:
        """Delete the timers of these runs; how many. Those by which the owner unlinks what it
        archived stay. Reads all timers."""

    def held_runs(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, list[str]]]:
        """Every run of these partitions of which the bus holds anything, portion by portion with
        its partition; some perhaps twice. Those that come or go meanwhile may be missing. Reads
        the names of all keys of the servers where these partitions lie."""

    async def load_runs(self, p: int, runs: Sequence[str]) -> list[Loaded | None]: ...

    async def read_signals(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]: ...

    async def signal_span(self, p: int) -> SignalSpan: ...

    async def task_tokens(self, p: int, type: str, *, limit: int) -> set[str] | None:
        """Ids of all tokens in entries of `{p}:tasks:<type>`, undelivered or in a worker's hands;
        of a page that was split also those that left it. A token that stays in the stream while
        this reads is found, whichever entry it moves to. None if it cannot be told: there are
        more than `limit` entries, or a worker holds one whose content is gone."""


# ── who asks why a run does not move ──────────────────────────────────────────────────────────


DELIVERIES = "d"
"""The last field of some task entries: no token, but how often its tokens were delivered before."""


@dataclass(frozen=True, slots=True)
class TaskLine:
    """Where the tokens of one task stream stand at about one moment. `waiting` are ids in the order
    in which they will be taken; `held` maps ids to the worker that has them. Not `is_whole`: more
    wait behind these."""

    waiting: list[str]
    held: dict[str, str]
    is_whole: bool


class LineBus(Protocol):
    async def task_line(self, p: int, type: str, *, limit: int) -> TaskLine:
        """The first `limit` entries, rounded up to whole hundreds, that no worker took yet, and
        `limit` of those in hand. A token that is found in neither is finished or was never here."""

    async def is_owned(self, p: int) -> bool:
        """Whether a coordinator holds a lease of the partition that has not run out."""


# ── workers ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Delivery:
    """A page as a worker holds it. `deliveries` counts this one (1 = first)."""

    p: int
    type: str
    id: str
    tokens: list[tuple[str, bytes]]
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """An entry finished, with the results of the tokens that it still held: (token id, JSON of
    Outcome)."""

    p: int
    type: str
    id: str
    results: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """`stale_after_ms`: forgotten when not renewed for that long."""

    id: str
    kind: str
    types: list[NodeType]
    slots: int
    host: str
    pid: int
    started_at: int
    busy: int = 0
    stale_after_ms: int = 15_000


class WorkerBus(Protocol):
    async def take(
        self,
        type_partitions: Mapping[str, Sequence[int]],
        consumer: str,
        *,
        count: int,
        block_ms: int,
    ) -> list[Delivery]:
        """New pages for this consumer, at most `count` *a stream*; creates missing groups. A
        cancelled call gives back what it had taken."""

    async def complete(self, done: Sequence[Done]) -> list[bool]:
        """XACK each entry; where that took it, XDEL and append its results as one `done` signal
        (all entries of a partition in one call and one signal entry). False: not ours any more,
        its results were dropped."""

    async def split(
        self,
        delivery: Delivery,
        consumer: str,
        results: Sequence[tuple[str, bytes]],
        in_hand: str,
        unstarted: Sequence[tuple[str, bytes]],
    ) -> bool:
        """Record `results`, keep the token `in_hand` in the entry, add the unstarted as a new
        page. False (and nothing done) if the entry is not this consumer's any more."""

    async def surrender(self, delivery: Delivery, consumer: str) -> bool:
        """Give an unstarted page back, as one-token entries that keep their delivery count: this
        delivery does not count, so the next one carries the same number. False (and nothing done)
        if the entry is not this consumer's any more."""

    async def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        """Renew the claim on entries (p, type, id); False where it is no longer this consumer's."""

    async def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        """Which of these token ids were cancelled."""

    async def cancels(self, partitions: Sequence[int]) -> list[bool]:
        """Whether any token of the partition may have been cancelled in the last hour: cheaper
        than to ask about each."""

    async def claim(
        self, p: int, type: str, consumer: str, *, min_idle_ms: int, limit: int,
        max_deliveries: int, lost: bytes, cancelled: bytes,
    ) -> int:  # fmt: skip
        """Split entries that were idle for `min_idle_ms` into one-token entries whose next
        delivery carries the entry's delivery count + 1; where that would pass `max_deliveries`
        the token ends instead with `lost`, and one that was cancelled ends with `cancelled` (JSON
        of Outcome, all in one `done` signal a call). Of a split entry only the token in hand
        counts. How many entries were taken, at most `limit`."""

    async def register(self, worker: WorkerInfo) -> None:
        """Announce or renew a worker (see `workers`)."""

    async def unregister(self, worker_id: str) -> None: ...

    async def workers(self) -> list[WorkerInfo]:
        """Workers that are not stale."""

    async def emit_live(self, p: int, events: Sequence[LiveEvent]) -> None:
        """Append to `{p}:live` (trimmed to about 10,000 entries)."""


# ── recorder ───────────────────────────────────────────────────────────────────────────────────


class RecorderBus(Protocol):
    async def read_events(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]: ...

    async def delete_events(self, ids: Mapping[int, Sequence[str]]) -> None: ...

    async def read_live(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]: ...

    async def read_dead(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        """Dead letters of `{p}:dead`: fields k = reason, run, node, data = JSON."""

    async def delete_dead(self, ids: Mapping[int, Sequence[str]]) -> None: ...

    async def announce(self, message: bytes) -> None:
        """Publish to everybody who listens with `announcements` (no memory, may be lost)."""


class CacheBus(Protocol):
    """The Redis side of the content-addressed store: `cas:<tenant>:<digest>`."""

    async def cas_put(self, tenant: str, digest: str, data: bytes, *, ttl_s: int) -> None: ...

    async def cas_get(self, tenant: str, digest: str, *, ttl_s: int) -> bytes | None:
        """The blob, its life extended to `ttl_s`."""


class JournalBus(Protocol):
    """How far executions got: `journal:<tenant>:<key>` names the blob of the last entry."""

    async def journal_at(self, tenant: str, key: str) -> str | None:
        """The digest of the last entry, None if there is none."""

    async def move_journal(
        self, tenant: str, key: str, previous: str | None, digest: str, *, ttl_s: int
    ) -> bool:
        """Move from `previous` (None: the first entry) to `digest`. False, and nothing done, if
        it stands elsewhere: another worker has the execution. Repeating it is harmless."""


class TicketBus(Protocol):
    async def put_ticket(self, name: str, holder: bytes, *, ttl_s: int) -> None: ...

    async def take_ticket(self, name: str) -> bytes | None:
        """The holder of a ticket, once: whoever asks second gets None, as after its time."""
