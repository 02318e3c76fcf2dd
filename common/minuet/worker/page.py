"""A page as its holder sees it: what is done, what is in hand, what has not started."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace

from minuet.bus.api import Delivery, Done

from .execution import Execution
from .registry import NodeSpec

Item = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Split:
    """A page as it is to be split."""

    delivery: Delivery
    results: list[Item]
    in_hand: Item
    unstarted: list[Item]


class Page:
    """Shared by the loop, the thread that runs plain functions and the heartbeat thread; `_lock`
    guards the position, the results and `closed`.

    `closed`: nothing is to be reported for it any more, because the entry went to another worker,
    was surrendered, or was completed by the heartbeat thread.
    """

    __slots__ = (
        "_in_hand",
        "_limit",
        "_lock",
        "_next",
        "_results",
        "abandoned",
        "closed",
        "delivery",
        "execution",
        "loop",
        "spec",
        "splitting",
        "started",
        "task",
    )

    def __init__(
        self,
        delivery: Delivery,
        spec: NodeSpec,
        started: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.delivery = delivery
        self.loop = loop
        self.spec = spec
        self.started = started
        self.execution: Execution | None = None
        self.task: asyncio.Task[None] | None = None
        self.splitting: asyncio.Task[None] | None = None
        self.closed = False
        self.abandoned = False
        self._lock = threading.Lock()
        self._next = 0
        self._in_hand = False
        self._limit = len(delivery.tokens)
        self._results: list[Item] = []

    @property
    def key(self) -> tuple[int, str, str]:
        return self.delivery.p, self.delivery.type, self.delivery.id

    def take_next(self) -> Item | None:
        """The token to run now, None if there is none (yet: see `splitting`)."""
        with self._lock:
            if self.closed or self._next >= self._limit:
                return None
            self._next += 1
            self._in_hand = True
            return self.delivery.tokens[self._next - 1]

    def add(self, token_id: str, outcome: bytes) -> None:
        with self._lock:
            self.execution = None
            self._in_hand = False
            self._results.append((token_id, outcome))

    def drop(self, flags: list[bool], outcome: bytes) -> None:
        """Before the first token: end the flagged ones with `outcome` instead of running them."""
        with self._lock:
            tokens = self.delivery.tokens
            kept = [item for item, flag in zip(tokens, flags, strict=True) if not flag]
            dropped = [(item[0], outcome) for item, flag in zip(tokens, flags, strict=True) if flag]
            self.delivery = replace(self.delivery, tokens=kept)
            self._limit = len(kept)
            self._results.extend(dropped)

    @property
    def has_unstarted(self) -> bool:
        """Whether tokens wait behind the one in hand."""
        return not self.closed and self._limit - self._next > (0 if self._in_hand else 1)

    @property
    def has_next(self) -> bool:
        return not self.closed and self._next < self._limit

    def done(self) -> Done:
        return Done(*self.key, results=self._results)

    def close(self) -> bool:
        """False if it was closed before: whoever closed it has reported."""
        with self._lock:
            was_open, self.closed = not self.closed, True
            return was_open

    # ── split ───────────────────────────────────────────────────────────────────────────────

    def begin_split(self, *, results_alone: bool = False) -> Split | None:
        """Hold back the unstarted tokens; None if there is nothing to give away.

        The token in hand is the one that runs, or the next one between two. With `results_alone`
        a split that gives no token away, but records results, is worth it too.
        """
        with self._lock:
            tokens = self.delivery.tokens
            position = self._next - 1 if self._in_hand else self._next
            if self.closed or position >= self._limit:
                return None
            if position == self._limit - 1 and not (results_alone and self._results):
                return None
            self._limit = position + 1
            results, unstarted = list(self._results), tokens[position + 1 :]
            return Split(self.delivery, results, tokens[position], unstarted)

    def end_split(self, split: Split) -> None:
        """The entry holds only the token in hand; the other results are recorded."""
        with self._lock:
            offset = len(split.delivery.tokens) - len(split.unstarted) - 1
            self.delivery = replace(split.delivery, tokens=[split.in_hand])
            self._next -= offset
            self._limit = 1
            self._results = self._results[len(split.results) :]

    def undo_split(self) -> None:
        """Whether it was split is unknown: run everything. A token that runs twice counts once,
        one that nobody holds would be missing."""
        with self._lock:
            self._limit = len(self.delivery.tokens)

    # ── the heartbeat thread ────────────────────────────────────────────────────────────────

    def close_overdue(self, overdue: Execution, outcome: bytes) -> Done | None:
        """Close the page with `outcome` for the token that is stuck.

        None if the token ended meanwhile, or if others wait behind it: completing would lose
        those, so the page is abandoned, and the next claim splits it.
        """
        with self._lock:
            if self.closed or self.execution is not overdue or self.splitting is not None:
                return None
            if self._next < len(self.delivery.tokens):
                self.abandoned = True
                return None
            self.closed = True
            return Done(*self.key, results=[*self._results, (overdue.token_id, outcome)])

    def reopen(self) -> None:
        """Completing failed: the page is still ours."""
        with self._lock:
            self.closed = False
