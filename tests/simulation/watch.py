"""What must hold at every moment: looked at after each commit, each signal, each stored row."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from minuet.bus.api import Commit, Fields, RunWrite
from minuet.bus.memory_state import Partition, State
from minuet.bus.memory_stream import parse_id
from minuet.model.signal import Reemit, Start
from minuet.model.state import Head
from minuet.store.history import TransitionRow

from .postgres import Postgres, Tables
from .redis import Client, Observer

REPEATABLE = frozenset({b"done", b"command", b"start", b"timer", b"stop", b"archived", b"continue"})
LIVE = frozenset(b"%d" % status for status in (1, 2, 3, 4, 10))


class Kept:
    """A run as a commit left it in Redis."""

    __slots__ = ("fields", "outputs")

    def __init__(self, fields: dict[str, bytes], outputs: dict[str, bytes]) -> None:
        self.fields = fields
        self.outputs = outputs


class Watch(Observer):
    """Reports the first violation to `fail`. `kept` holds, by (run, commit), some of the states
    that were committed, and all in which a run ended."""

    def __init__(self, random: Random, fail: Callable[[str], None]) -> None:
        self.fail = fail
        self.calls = 0
        self.on_call: Callable[[Client, str], None] | None = None
        self.trace: Callable[..., None] | None = None
        self.kept: dict[tuple[str, str], Kept] = {}
        self.losses = 0
        self.forked: set[str] = set()
        self.signals: deque[tuple[int, Fields]] = deque(maxlen=20)
        self.commits = 0
        self._random = random

    # ── Redis ─────────────────────────────────────────────────────────────────────────────────

    def called(self, client: Client, method: str, body: Callable[[], Any]) -> None:
        self.calls += 1
        if self.trace is not None:
            self.trace(client.process.name, method, body)
        if self.on_call is not None:
            self.on_call(client, method)

    def went_back(self) -> None:
        self.losses += 1

    def committing(self, commit: Commit, state: State) -> None:
        """A restore brings nothing back that is older than what it replaces, unless history and
        Redis have parted. What is read of signals comes back out of `signals`."""
        part = state.partitions[commit.p]
        self._remember(part, commit)
        for write in commit.runs:
            before = part.runs.get(write.run)
            if not write.replace or before is None or write.run in self.forked:
                continue
            old, new = Head.decode(before["head"].decode()), str(write.fields["head"])
            if Head.decode(new).seq <= old.seq and self._is_current(commit, part):
                self.fail(f"a restore of {write.run} undoes event {old.seq}")

    def _is_current(self, commit: Commit, part: Partition) -> bool:
        """Whether the commit will be taken."""
        lease = part.lease
        return lease is not None and (lease.owner, lease.commit) == (commit.owner, commit.number)

    def _remember(self, part: Partition, commit: Commit) -> None:
        """Signals as they were read, of which some come again."""
        for id, fields in part.signals.after((0, 0), 4):
            if fields[0][1] in REPEATABLE and id <= parse_id(commit.cursor):
                self.signals.append((commit.p, fields))

    def committed(self, commit: Commit, state: State) -> None:
        self.commits += 1
        part = state.partitions[commit.p]
        id = f"{commit.owner}/{commit.number + 1}"
        for write in commit.runs:
            fields = part.runs.get(write.run)
            if fields is not None and "meta" in fields:
                self._look_at(write, fields, part, id)

    def _look_at(self, write: RunWrite, fields: dict[str, bytes], part: Partition, id: str) -> None:
        head = Head.decode(fields["head"].decode())
        live = sum(
            text.split(b" ", 1)[0] in LIVE for name, text in fields.items() if name[:2] == "n:"
        )
        if head.counter != live:
            self.fail(f"{write.run} counts {head.counter} tokens, {live} are live")
        if head.counter < 0 or (head.counter == 0) != head.status.ended:
            self.fail(f"{write.run} is {head.status.word} with {head.counter} tokens")
        if head.last != id:
            self.fail(f"{write.run} says that {head.last} changed it last, not {id}")
        if head.status.ended or self._random.random() < 0.1:
            outputs = dict(part.outputs.get(write.run, {}))
            self.kept[write.run, id] = Kept(dict(fields), outputs)

    def appended(self, part: Partition, signals: Sequence[Fields]) -> None:
        """Without a loss of Redis no token is ever missed, and no child run."""
        for fields in signals:
            if fields[0][1] == b"reemit" and not self.losses:
                asked = msgspec.json.decode(fields[1][1], type=Reemit)
                starting = {
                    msgspec.json.decode(unread[1][1], type=Start).run
                    for _, unread in part.signals.after((0, 0), 1 << 30)
                    if unread[0][1] == b"start"
                }
                lost = [*asked.tokens, *(set(asked.children) - starting - part.runs.keys())]
                if lost:
                    self.fail(f"{asked.run} misses {lost}")

    def look_for_tokens(self, state: State) -> None:
        """Every dispatched token stands in its stream or in an unread result. Not after a loss:
        what an old copy of Redis brings back is withdrawn before its run is restored."""
        if self.losses:
            return
        for part in state.partitions.values():
            placed = {
                token
                for stream in part.tasks.values()
                for _, fields in stream.after((0, 0), 1 << 30)
                for token, _ in fields
            }
            for _, fields in part.signals.after((0, 0), 1 << 30):
                placed.update(name for name, _ in fields)
            for run, fields_ in part.runs.items():
                for name, text in fields_.items():
                    if name[:2] == "n:" and text[:2] == b"2 ":
                        _, gen, attempt, _ = text.decode().split(" ", 3)
                        token = f"{run}/{name[2:]}/{gen}/{attempt}"
                        if token not in placed:
                            self.fail(f"{token} is ready and stands nowhere")

    # ── Postgres ──────────────────────────────────────────────────────────────────────────────

    def storing(self, row: TransitionRow, tables: Tables) -> None:
        rows = tables.transitions.get(row.run_id, [])
        seq, last = (rows[-1].last_seq, rows[-1].commit_id) if rows else (0, "")
        if row.first_seq != seq + 1:
            self.fail(f"the history of {row.run_id} has a gap before event {row.first_seq}")
        if row.prev != last:
            self.fail(f"{row.commit_id} of {row.run_id} follows {row.prev}, not {last}")
        if tables.runs[row.run_id].ended and b'"run.ended"' in bytes(row.events):
            self.fail(f"{row.run_id} ends twice")

    def forking(self, run: str) -> None:
        self.forked.add(run)


def is_quiet(postgres: Postgres, state: State) -> bool:
    """Every run that was accepted has ended, nothing asks for a restore, and Redis knows of none
    that goes on, of nothing unread and nothing unrecorded."""
    if not all(run.ended and not run.restore_requested for run in postgres.tables.runs.values()):
        return False
    for part in state.partitions.values():
        if len(part.events) or len(part.signals):
            return False
        if not all(Head.decode(each["head"].decode()).status.ended for each in part.runs.values()):
            return False
    return True


def is_forgotten(state: State) -> bool:
    """Redis holds nothing of any run: no keys, no timers, no tokens."""
    return not any(
        part.runs or part.outputs or part.timers or any(map(len, part.tasks.values()))
        for part in state.partitions.values()
    )


def died_of(task: asyncio.Task[None]) -> str | None:
    """Why a process ended that nobody stopped."""
    if not task.done():
        return None
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return "it returned" if error is None else _innermost(error)


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
