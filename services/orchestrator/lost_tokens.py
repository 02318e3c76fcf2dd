"""Finds tokens that stand in no stream although their node waits for them, and asks for new ones.

A token moves one way: from `{p}:tasks:<type>` into a `done` signal, and from there into the state
of its run. Looked for in this order, in tasks, then in unread signals, then in a state that did
not change meanwhile, one that exists is found. What dispatches tokens anew without a change of
state (`restore`, `reemit`) is looked for before and after. Only runs that have stood still for a
while are looked at, so runs that move cost nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
import structlog

from minuet.bus.api import Fields, ReconcilerBus, SignalSpan
from minuet.cas.plans import PlanCache
from minuet.model.errors import NotFound
from minuet.model.signal import Reemit, Start
from minuet.model.state import Head, NodeRecord
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import TokenId

from .metrics import REEMIT_SKIPPED, REEMITTED

log = structlog.get_logger(__name__)

STILL_S: Final = 60.0
LONGEST_STILL_S: Final = 600.0
RUNS_A_SWEEP: Final = 100
TOKENS_A_RUN: Final = 500
MAX_ENTRIES: Final = 5_000
MAX_UNREAD: Final = 2_000
NOT_AFTER_MS: Final = 30_000
DISPATCHING: Final = frozenset({b"restore", b"reemit"})
"""Signals that dispatch tokens of nodes that are ready already."""


class _Named(msgspec.Struct):
    run: str


_decode_start = msgspec.json.Decoder(Start).decode
_decode_named = msgspec.json.Decoder(_Named).decode
_encode = msgspec.json.Encoder().encode


class Unread(NamedTuple):
    """Of a partition's unread signals: tokens that were answered, runs that get tokens anew."""

    answered: set[str]
    asked: set[str]


@dataclass(slots=True)
class Watch:
    """A run that stands still at `head`. `mark` was the newest signal when that was first seen:
    what was under way to the owner then is consumed once the cursor has passed it."""

    head: Head
    mark: str
    look_at: float
    rest_s: float = STILL_S


@dataclass(slots=True)
class Suspect:
    """Tokens of ready nodes of one run, by node type."""

    run: str
    tokens: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class LostTokens:
    """One sweep is `note` for all live runs, then `resend`. Forgets a run that moved or ended."""

    def __init__(
        self, bus: ReconcilerBus, plans: PlanCache, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bus = bus
        self._plans = plans
        self._clock = clock
        self._watched: dict[str, Watch] = {}
        self._noted: dict[str, Watch] = {}
        self._due: defaultdict[int, list[str]] = defaultdict(list)
        self._spans: dict[int, SignalSpan] = {}

    def forget(self) -> None:
        """The server is another one: what was seen of the former says nothing."""
        self._watched = {}
        self.begin()

    def begin(self) -> None:
        """A new sweep; what an unfinished one noted does not count."""
        self._noted, self._spans = {}, {}
        self._due.clear()

    async def note(self, p: int, heads: Iterable[tuple[str, Head]]) -> None:
        """Live runs of partition `p` as Redis holds them now."""
        running = [(run, head) for run, head in heads if head.status is RunStatus.RUNNING]
        if not running:
            return
        if p not in self._spans:
            self._spans[p] = await self._bus.signal_span(p)
        span, now = self._spans[p], self._clock()
        for run, head in running:
            watch = self._watched.get(run)
            if watch is None or watch.head != head:
                watch = Watch(head, span.last, now + STILL_S)
            elif watch.look_at <= now and span.has_passed(watch.mark):
                self._due[p].append(run)
            self._noted[run] = watch

    async def resend(self) -> int:
        """End of the sweep: look for the tokens of runs that are due; how many were asked for."""
        self._watched = self._noted
        due = sorted(
            ((self._watched[run].look_at, p, run) for p, runs in self._due.items() for run in runs)
        )
        if len(due) > RUNS_A_SWEEP:
            log.info("lost_tokens_postponed", runs=len(due) - RUNS_A_SWEEP)
        by_partition: defaultdict[int, list[str]] = defaultdict(list)
        for _, p, run in due[:RUNS_A_SWEEP]:
            by_partition[p].append(run)
        return sum([await self._resend_of(p, runs) for p, runs in by_partition.items()])

    async def _resend_of(self, p: int, runs: list[str]) -> int:
        not_after = await self._bus.now() + NOT_AFTER_MS
        suspects = [found for run in runs if (found := await self._suspect(p, run))]
        if not suspects or (before := await self._unread(p)) is None:
            return 0
        types = {type for suspect in suspects for type in suspect.tokens}
        placed = {type: await self._placed(p, type) for type in types}
        if (after := await self._unread(p)) is None:
            return 0
        sent = 0
        for suspect in suspects:
            lost = _missing(suspect, placed, after.answered)
            if lost and suspect.run not in before.asked | after.asked:
                sent += await self._ask(p, suspect.run, lost, not_after)
        return sent

    async def _suspect(self, p: int, run: str) -> Suspect | None:
        """The tokens that the run waits for, unless it moved. It is not looked at again soon: a
        node may be slow for hours."""
        watch = self._watched[run]
        watch.rest_s = min(2 * watch.rest_s, LONGEST_STILL_S)
        watch.look_at = self._clock() + watch.rest_s
        [loaded] = await self._bus.load_runs(p, [run])
        if loaded is None or "meta" not in loaded.fields:
            return None
        try:
            if Head.decode(loaded.fields["head"].decode()) != watch.head:
                return None
            start = _decode_start(loaded.fields["meta"])
            ir = loaded.fields["ir"].decode() if "ir" in loaded.fields else start.ir
            plan = await self._plans.get(start.tenant, ir)
            types = {node.id: node.node.type for node in plan.nodes}
            return _ready_tokens(run, loaded.fields, types)
        except (NotFound, KeyError, ValueError, msgspec.MsgspecError) as error:
            log.warning("run_unreadable", run_id=run, reason=str(error))
            return None

    async def _placed(self, p: int, type: str) -> set[str] | None:
        tokens = await self._bus.task_tokens(p, type, limit=MAX_ENTRIES)
        if tokens is None:
            self._skip(p, "tasks", type)
        return tokens

    async def _unread(self, p: int) -> Unread | None:
        """None if it is too much to read."""
        span = await self._bus.signal_span(p)
        entries = await self._bus.read_signals({p: span.cursor}, count=MAX_UNREAD + 1, block_ms=0)
        if len(entries) > MAX_UNREAD:
            self._skip(p, "signals", "")
            return None
        found = Unread(set(), set())
        for entry in entries:
            (_, kind), *rest = entry.fields
            if kind == b"done":
                found.answered.update(token for token, _ in rest)
            elif kind in DISPATCHING:
                found.asked.add(_decode_named(rest[0][1]).run)
        return found

    async def _ask(self, p: int, run: str, lost: list[str], not_after: int) -> int:
        """Ask the owner, if the run still stands where it stood before its tokens were sought."""
        [head] = await self._bus.heads(p, [run])
        if head is None or Head.decode(head.decode()) != self._watched[run].head:
            return 0
        tokens = lost[:TOKENS_A_RUN]
        fields: Fields = [("k", b"reemit"), ("s", _encode(Reemit(run=run, tokens=tokens)))]
        sent = await self._bus.send(p, [fields], not_after=not_after)
        # The state will not tell that the tokens are under way again: watch anew, so that the
        # cursor must pass this signal before anybody looks once more.
        del self._watched[run]
        if sent:
            REEMITTED.inc(len(tokens))
            log.warning("tokens_reemitted", run_id=run, tokens=len(tokens), first=tokens[0])
        return len(tokens) if sent else 0

    def _skip(self, p: int, place: str, type: str) -> None:
        REEMIT_SKIPPED.labels(place).inc()
        log.warning("lost_tokens_not_sought", partition=p, unclear=place, type=type)


def _ready_tokens(run: str, fields: Mapping[str, bytes], types: Mapping[str, str]) -> Suspect:
    suspect = Suspect(run)
    for name, text in fields.items():
        if name.startswith("n:"):
            node, record = name[2:], NodeRecord.decode(text.decode())
            if record.status is NodeStatus.READY:
                token = TokenId(run, node, record.gen, record.attempt)
                suspect.tokens[types[node]].append(str(token))
    return suspect


def _missing(
    suspect: Suspect, placed: Mapping[str, set[str] | None], answered: set[str]
) -> list[str]:
    """Tokens that stand nowhere, as far as that is certain."""
    return [
        token
        for type, tokens in suspect.tokens.items()
        if (there := placed[type]) is not None
        for token in tokens
        if token not in there and token not in answered
    ]
