"""Gathers the transitions of a batch into one commit."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from minuet.bus.api import Commit, Fields, RunWrite
from minuet.ir.run_state import RunState
from minuet.ir.transition import Limits, Token, Transition
from minuet.model.event import CommitRecord, TransitionRecord, is_plain
from minuet.model.signal import Continue
from minuet.model.token import Outcome

from .pages import make_pages

_encode = msgspec.json.Encoder().encode
_WHOLE = Limits()
FORGET_AFTER_MS = 60_000  # no late start can arrive any more: they carry not_after = now + 30 s


class Assembler:
    """One batch of one partition. `add` in routing order, then `commit` once.

    `now` is what timers are set by; `time` is that of the events, which the server's clock has
    passed.
    """

    def __init__(
        self, p: int, owner: str, number: int, cursor: str, now: int, *, time: int
    ) -> None:
        self._commit = Commit(p=p, owner=owner, number=number, cursor=cursor)
        self._id = f"{owner}/{number + 1}"
        self._now = now
        self._time = time
        self._tokens: list[Token] = []
        self._bytes = 0  # of tokens and of events, in which the outputs stand
        self._timers: dict[str, int] = {}
        self._records: list[TransitionRecord] = []
        # (tenant, digest) -> what must be in the store before the commit is sent
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.done: dict[str, int] = {}  # node type -> completions that came
        self.dropped = 0  # inputs that named nothing live

    def limits(self) -> Limits:
        """What is left of the batch's bounds; never nothing, so that every run moves."""
        return Limits(
            tokens=max(1, _WHOLE.tokens - len(self._tokens)),
            token_bytes=max(1, _WHOLE.token_bytes - self._bytes),
        )

    def add(self, state: RunState, transition: Transition, *, replace: bool = False) -> None:
        """Take a transition; stamps the state with this commit. Takes nothing if it raises."""
        if transition.events:
            self._add_run(state, transition, replace)
        commit = self._commit
        if transition.timers_del or transition.timers_add:
            self._move_timers(transition)
        if transition.cancelled:
            commit.cancelled.extend(transition.cancelled)
        for token in transition.tokens:
            self._bytes += len(token.data)
            self._tokens.append(token)
        for letter in transition.dead_letters:
            self.dead_letter(letter.reason, state.run, letter.node, letter.data)
        if transition.starts or transition.stops or transition.done:
            self._add_signals(transition)
        for digest, data in transition.blobs.items():
            self.blobs[state.start.tenant, digest] = data
        if transition.more:
            commit.signals.append([("k", b"continue"), ("s", _encode(Continue(run=state.run)))])

    def _move_timers(self, transition: Transition) -> None:
        for member in transition.timers_del:
            self._timers.pop(member, None)  # set for the same run earlier in this batch
        self._commit.timers_del.extend(transition.timers_del)
        self._timers.update(transition.timers_add)

    def _add_signals(self, transition: Transition) -> None:
        """What parent and child runs tell each other: to this very partition."""
        signals = self._commit.signals
        for start in transition.starts:
            text = _encode(start)
            self._bytes += len(text)
            signals.append([("k", b"start"), ("s", text)])
        for stop in transition.stops:
            signals.append([("k", b"stop"), ("s", _encode(stop))])
        for token, outcome in transition.done:
            self.tell_parent(token, outcome)

    def tell_parent(self, token: str, outcome: Outcome) -> None:
        """How a child run of the node that waits under this token id ended."""
        text = _encode(outcome)
        self._bytes += len(text)
        self._commit.signals.append([("k", b"done"), (token, text)])

    def _add_run(self, state: RunState, transition: Transition, replace: bool) -> None:
        events = _encode(transition.events)
        self._bytes += len(events)
        prev = "" if state.last == "-" else state.last
        state.last = self._id
        fields: dict[str, str | bytes] = {"head": state.head()}
        if transition.started:
            fields["meta"] = _encode(state.start)
        if transition.patched or (transition.started and state.plan.digest != state.start.ir):
            fields["ir"] = state.plan.digest
        if transition.rest:
            fields["rest"] = _encode(state.rest)
        for node, record in transition.records.items():
            fields["n:" + node] = record
        write = RunWrite(state.run, fields, transition.outputs, replace=replace)
        self._commit.runs.append(write)
        self._records.append(
            TransitionRecord(
                run=state.run,
                tenant=state.start.tenant,
                prev=prev,
                seq=state.seq,
                cmd=state.cmd,
                status=int(state.status),
                counter=state.counter,
                count=len(transition.events),
                events=msgspec.Raw(events),
                plain=is_plain(transition.events, events),
            )
        )

    def purge(self, run: str) -> None:
        """An archived run keeps its head, until the `forget` timer unlinks that too."""
        self._commit.runs.append(RunWrite(run, {}, purge=True))
        self._timers[f"forget {run}"] = self._now + FORGET_AFTER_MS

    def unlink(self, run: str) -> None:
        self._commit.runs.append(RunWrite(run, {}, unlink=True))

    def dead_letter(self, reason: str, run: str, node: str, data: bytes) -> None:
        fields: Fields = [
            ("k", reason.encode()), ("run", run.encode()), ("node", node.encode()), ("data", data)
        ]  # fmt: skip
        self._commit.dead_letters.append(fields)

    @property
    def id(self) -> str:
        """(owner/commit) of the commit that is being gathered."""
        return self._id

    @property
    def tokens(self) -> list[Token]:
        return self._tokens

    def commit(self, outstanding: Mapping[str, int], slots: Mapping[str, float]) -> Commit:
        """The finished commit; pages are sized by what is out and how many slots there are."""
        self._commit.timers_add = list(self._timers.items())
        self._commit.pages = make_pages(self._tokens, outstanding, slots)
        if self._records:
            record = CommitRecord(
                owner=self._commit.owner, commit=self._commit.number + 1, time=self._time,
                runs=self._records,
            )  # fmt: skip
            self._commit.event = _encode(record)
        return self._commit
