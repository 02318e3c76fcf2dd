"""Bugs to be found: each breaks one rule that the product stands on, for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, cast
from unittest import mock
from weakref import WeakKeyDictionary

import msgspec

from minuet.bus.api import Commit, Done, Entry
from minuet.bus.memory_coordinator import MemoryCoordinator
from minuet.bus.memory_core import read_streams, remote
from minuet.bus.memory_stream import parse_id
from minuet.bus.memory_worker import MemoryWorker
from minuet.ir.advance import _Inputs
from minuet.ir.run_state import RunState
from minuet.model.signal import Command, Restore
from minuet.model.status import NodeStatus
from minuet.model.timer import Timer
from minuet.services.coordinator.partition import OwnedPartition
from minuet.services.coordinator.restoring import Restores
from minuet.services.orchestrator.relay import Relay
from minuet.services.recorder import chain
from minuet.services.recorder.recorder import Recorder
from minuet.store import history
from minuet.store.history import RunHead

Patch = AbstractContextManager[Any]
BUGS: dict[str, Callable[[], list[Patch]]] = {}


def bug(plant: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
    """Its name says what is wrong."""
    BUGS[plant.__name__] = plant
    return plant


def planted(name: str) -> ExitStack:
    """Within `simulated()`."""
    stack = ExitStack()
    for patch in BUGS[name]():
        stack.enter_context(patch)
    return stack


def _on(owner: Any, **replaced: Any) -> list[Patch]:
    return [mock.patch.object(owner, name, each) for name, each in replaced.items()]


def _body(method: Any) -> Any:
    """What a call does on the server."""
    return cast("Any", method).__wrapped__


# ── commits ────────────────────────────────────────────────────────────────────────────────────


@bug
def no_fence() -> list[Patch]:
    apply = _body(MemoryCoordinator.commit)

    @remote
    def commit(self: MemoryCoordinator, commit: Commit) -> int:
        lease = self._partition(commit.p).lease
        if lease is not None:
            commit = replace(commit, owner=lease.owner or "", number=lease.commit)
            lease.owner = commit.owner
        now: int = apply(self, commit)
        return now

    return _on(MemoryCoordinator, commit=commit)


@bug
def fence_without_the_number_of_the_commit() -> list[Patch]:
    apply = _body(MemoryCoordinator.commit)

    @remote
    def commit(self: MemoryCoordinator, commit: Commit) -> int:
        lease = self._partition(commit.p).lease
        number = commit.number if lease is None else lease.commit
        now: int = apply(self, replace(commit, number=number))
        return now

    return _on(MemoryCoordinator, commit=commit)


@bug
def cursor_moved_when_signals_are_read() -> list[Patch]:
    async def read_signals(
        self: MemoryCoordinator, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        def read() -> list[Entry]:
            streams = {p: self._partition(p).signals for p in cursors}
            found = read_streams(streams, cursors, count)
            for entry in found:
                if (lease := self._partition(entry.p).lease) is not None:
                    lease.cursor = parse_id(entry.id)
            return found

        return await self._blocking("read_signals", read, block_ms)

    return _on(MemoryCoordinator, read_signals=read_signals)


@bug
def cache_kept_after_a_lost_reply() -> list[Patch]:
    kept: WeakKeyDictionary[Any, dict[int, dict[str, RunState]]] = WeakKeyDictionary()
    begin, give_up = OwnedPartition.__init__, OwnedPartition.give_up

    def init(self: OwnedPartition, lease: Any, bus: Any, *rest: Any, **others: Any) -> None:
        begin(self, lease, bus, *rest, **others)
        self.states.update(kept.get(bus, {}).pop(lease.p, {}))

    def lose(self: OwnedPartition, cause: str) -> None:
        if cause == "unknown_outcome" and not self.lost:
            kept.setdefault(self._bus, {})[self.p] = dict(self.states)
        give_up(self, cause)

    return _on(OwnedPartition, __init__=init, give_up=lose)


# ── workers ────────────────────────────────────────────────────────────────────────────────────


@bug
def acknowledged_before_the_result_is_written() -> list[Patch]:
    async def complete(self: MemoryWorker, done: Sequence[Done]) -> list[bool]:
        def acknowledge() -> list[bool]:
            return [self._partition(d.p).take_page(d.type, parse_id(d.id)) for d in done]

        def write() -> None:
            for d, ours in zip(done, taken, strict=True):
                if ours:
                    self._partition(d.p).add_done(d.results, self._now())
            self._wake()

        taken = await self._call("complete", acknowledge)
        await self._call("complete", write)
        return taken

    complete.__wrapped__ = _body(MemoryWorker.complete)  # type: ignore[attr-defined]
    return _on(MemoryWorker, complete=complete)


# ── the engine ─────────────────────────────────────────────────────────────────────────────────


@bug
def completion_not_compared_with_the_state() -> list[Patch]:
    def live_execution(
        self: _Inputs, node: str, gen: int, attempt: int, states: tuple[NodeStatus, ...]
    ) -> int | None:
        index = self.plan.index.get(node)
        return index if index is not None and self.frontier.cell(index)[1] else None

    return _on(_Inputs, _live_execution=live_execution)


@bug
def timer_fired_again_without_a_look_at_the_state() -> list[Patch]:
    fire, apply = _Inputs._fire, _body(MemoryCoordinator.fire_timers)

    @remote
    def fire_timers(
        self: MemoryCoordinator, p: int, *, limit: int = 500, now: int | None = None
    ) -> int | None:
        part = self._partition(p)
        before = dict(part.timers)
        apply(self, p, limit=limit, now=now)
        part.timers = {
            member: at + 400 if member not in part.timers else at for member, at in before.items()
        }
        return min(part.timers.values(), default=None)

    def fired(self: _Inputs, timer: Timer) -> None:
        if timer.kind not in ("wait", "retry"):
            fire(self, timer)
            return
        index = self.plan.index[timer.subject.split("/")[1]]
        self.state.due.pop(index, None)
        if timer.kind == "wait":
            self._waited(self.plan.nodes[index])
        else:
            self.frontier.mark(index, NodeStatus.ARMED)
            self.arm([index])

    return _on(MemoryCoordinator, fire_timers=fire_timers) + _on(_Inputs, _fire=fired)


@bug
def generation_reused_in_a_loop() -> list[Patch]:
    go_round = RunState.iterate

    def iterate(self: RunState, index: int) -> int:
        header = go_round(self, index)
        status, gen, attempt, *rest = self.frontier.cell(header)
        self.frontier.load(header, status, gen - 1, attempt, *rest)
        return header

    return _on(RunState, iterate=iterate)


@bug
def command_applied_before_its_turn() -> list[Patch]:
    command = _Inputs._command

    def applied(self: _Inputs, given: Command) -> None:
        if 0 <= self.state.cmd < given.number:
            self.state.cmd = given.number - 1
        command(self, given)

    return _on(_Inputs, _command=applied)


@bug
def repeated_command_applied_again() -> list[Patch]:
    command = _Inputs._command

    def applied(self: _Inputs, given: Command) -> None:
        last = self.state.cmd
        if given.number <= last:
            self.state.cmd = given.number - 1
        command(self, given)
        self.state.cmd = max(last, self.state.cmd)

    return _on(_Inputs, _command=applied)


# ── history ────────────────────────────────────────────────────────────────────────────────────


@bug
def events_trimmed_before_they_are_stored() -> list[Patch]:
    record = Recorder._record

    async def trimmed(self: Recorder, batch: Any) -> None:
        await self._bus.delete_events(batch.ids)
        await record(self, batch)

    return _on(Recorder, _record=trimmed)


@bug
def forks_stored() -> list[Patch]:
    def follows(record: Any, first_seq: int, head: RunHead) -> bool:
        return first_seq == head.seq + 1

    return _on(chain, _follows=follows)


@bug
def recorders_do_not_queue() -> list[Patch]:
    async def lock_partitions(c: Any, partitions: Any) -> None:
        await c.trip()

    return _on(history, lock_partitions=lock_partitions)


@bug
def restore_installed_whatever_the_owner_has() -> list[Patch]:
    read = Restores.read

    async def always(self: Restores, p: Any, restore: Restore, own: Any, head: Any) -> Any:
        return await read(self, p, msgspec.structs.replace(restore, fork=True), own, head)

    def never(self: Restores, partition: Any, found: Any, refused: int) -> bool:
        return False

    return _on(Restores, read=always, _is_behind=never)


@bug
def commands_sent_only_once() -> list[Patch]:
    async def sweep(self: Relay) -> int:
        return 0

    return _on(Relay, sweep=sweep)
