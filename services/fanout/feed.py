"""One watched run: what was shown of it, and whether a further transition follows. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple, Protocol

TAIL_EVENTS: Final = 20_000


class Verdict(Enum):
    FOLLOWS = "follows"
    REPEATED = "repeated"
    MISSING = "missing"
    """There is a gap before it."""
    FORKED = "forked"
    """It belongs to another history than the one that was shown."""


class Link(NamedTuple):
    """A transition: where it stands, the commit that made it, and a frame for each event."""

    first_seq: int
    last_seq: int
    commit: str
    frames: tuple[bytes, ...]


class Watcher(Protocol):
    def offer(self, frame: bytes) -> None: ...

    def offer_extra(self, frame: bytes) -> None: ...

    def end(self, code: int, reason: str) -> None:
        """Say what waits, then close."""

    def start_over(self, reason: str) -> None:
        """Forget what waits; say `resync`, then show a snapshot."""


class Feed:
    """`seq` and `commit` name the last transition shown, `recorded` how far Postgres is known to
    agree. `epoch` grows when the shown history was taken back: positions from before are void.

    `tail` keeps what was shown and is not known to be recorded, so a client that read Postgres
    up to there needs only the tail to be level.
    """

    def __init__(self, run: str, tenant: str, *, seq: int, commit: str, ended: bool) -> None:
        self.run = run
        self.tenant = tenant
        self.seq = seq
        self.commit = commit
        self.recorded = seq
        self.recorded_commit = commit
        self.ended = ended
        self.epoch = 0
        self.repairs = 0  # since something followed as it should
        self.tail: deque[Link] = deque()
        self.watchers: set[Watcher] = set()
        self._tail_events = 0

    @property
    def settled(self) -> bool:
        """Nothing will ever follow."""
        return self.ended and self.recorded == self.seq

    def judge(self, first_seq: int, last_seq: int, prev: str, commit: str) -> Verdict:
        if last_seq <= self.recorded:
            return Verdict.REPEATED  # or refused by the recorder, which comes to the same
        if first_seq > self.seq + 1:
            return Verdict.MISSING
        if first_seq == self.seq + 1:
            return Verdict.FOLLOWS if prev == self.commit else Verdict.FORKED
        shown = self._commit_at(last_seq)
        return Verdict.REPEATED if shown == commit else Verdict.FORKED

    def show(self, link: Link) -> None:
        """Append a transition that follows and offer its events to all watchers."""
        self.seq, self.commit = link.last_seq, link.commit
        self._append(link)
        for watcher in self.watchers:
            for frame in link.frames:
                watcher.offer(frame)

    def tell(self, frame: bytes) -> None:
        """Offer something beside the history, which may be left out."""
        for watcher in self.watchers:
            watcher.offer_extra(frame)

    def agrees_with(self, recorded: Iterable[tuple[int, int, str]]) -> bool:
        """Whether recorded transitions (first seq, last seq, commit) after `self.recorded` are
        those that were shown; later ones than shown agree with anything."""
        return all(
            first > self.seq or self._commit_at(last) == commit for first, last, commit in recorded
        )

    def confirm(self, seq: int, commit: str) -> bool:
        """Note that Postgres holds the history up to `seq`; False if it holds another one, or
        one that goes beyond what was shown."""
        if seq == self.recorded:
            return True
        if self._commit_at(seq) != commit:
            return False
        self.recorded, self.recorded_commit = seq, commit
        while self.tail and self.tail[0].last_seq <= seq:
            self._drop_first()
        return True

    def rewind(self, seq: int, commit: str, *, ended: bool) -> None:
        """What was shown beyond or beside this recorded transition is void."""
        self.seq = self.recorded = seq
        self.commit = self.recorded_commit = commit
        self.ended = ended
        self.epoch += 1
        self.tail.clear()
        self._tail_events = 0
        for watcher in tuple(self.watchers):
            watcher.start_over("rollback")

    def frames_after(self, seq: int) -> list[bytes] | None:
        """Frames that make a client at `seq` level; None if the tail does not reach back there
        (then they are recorded) or the client is ahead."""
        if seq == self.seq:
            return []
        if seq > self.seq or not self.tail or self.tail[0].first_seq > seq + 1:
            return None
        return [
            frame
            for link in self.tail
            for at, frame in enumerate(link.frames, link.first_seq)
            if at > seq
        ]

    def _commit_at(self, last_seq: int) -> str | None:
        """Of the shown transition that ends there, if the tail still has it."""
        for link in reversed(self.tail):
            if link.last_seq <= last_seq:
                return link.commit if link.last_seq == last_seq else None
        return None

    def _append(self, link: Link) -> None:
        self.tail.append(link)
        self._tail_events += len(link.frames)
        while self._tail_events > TAIL_EVENTS and len(self.tail) > 1:
            self._drop_first()

    def _drop_first(self) -> None:
        self._tail_events -= len(self.tail.popleft().frames)
