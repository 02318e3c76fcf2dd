"""The coordinator's side of the in-memory bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minuet.model.errors import Fenced

from .api import Commit, Entry, Lease, Loaded, RunWrite, StaleRuns
from .memory_core import MemoryCore, read_streams, remote
from .memory_state import CANCELLED_MS, LeaseState, Partition
from .memory_stream import check_entries, format_id, parse_id


class MemoryCoordinator(MemoryCore):
    @remote
    def acquire(self, p: int, owner: str, lease_ms: int, *, now: int | None = None) -> Lease | None:
        now = self._now() if now is None else now
        part = self._partition(p)
        lease = part.lease or LeaseState()
        other = lease.owner not in (None, owner)
        if other and now < lease.expires_at:
            return None
        _count_takeover(part, lease, added=int(other))
        lease.owner, lease.expires_at = owner, now + lease_ms
        part.lease = lease
        return Lease(p, owner, lease.commit, format_id(lease.cursor), lease.takeovers, now)

    @remote
    def renew(self, p: int, owner: str, lease_ms: int) -> int | None:
        lease = self._partition(p).lease
        if lease is None or lease.owner != owner:
            return None
        lease.expires_at = self._now() + lease_ms
        return lease.commit

    @remote
    def release(self, p: int, owner: str) -> bool:
        lease = self._partition(p).lease
        if lease is None or lease.owner != owner:
            return False
        lease.owner = None
        return True

    @remote
    def join(self, coordinator: str, *, stale_after_ms: int) -> int:
        now = self._now()
        self._state.coordinators[coordinator] = now + stale_after_ms
        return sum(gone_at > now for gone_at in self._state.coordinators.values())

    @remote
    def leave(self, coordinator: str) -> None:
        self._state.coordinators.pop(coordinator, None)

    async def read_signals(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        def read() -> list[Entry]:
            return read_streams({p: self._partition(p).signals for p in cursors}, cursors, count)

        return await self._blocking("read_signals", read, block_ms)

    @remote
    def load_runs(self, p: int, runs: Sequence[str]) -> list[Loaded | None]:
        held = self._partition(p).runs
        return [Loaded(dict(held[run])) if run in held else None for run in runs]

    @remote
    def load_outputs(self, p: int, run: str, nodes: Sequence[str]) -> list[bytes | None]:
        held = self._partition(p).outputs.get(run, {})
        return [held.get(node) for node in nodes]

    @remote
    def stale_runs(self, p: int) -> StaleRuns | None:
        return self._partition(p).stale

    @remote
    def commit(self, commit: Commit) -> int:
        pages = [page.tokens for page in commit.pages]
        check_entries([*pages, *commit.signals, *commit.dead_letters])
        now = self._now()
        part = self._partition(commit.p)
        lease = part.lease
        if lease is None or (lease.owner, lease.commit) != (commit.owner, commit.number):
            raise Fenced(f"partition {commit.p} is not at {commit.owner}/{commit.number}")
        lease.cursor = parse_id(commit.cursor)
        lease.commit += 1
        part.signals.trim_through(lease.cursor)
        for run in commit.runs:
            _write_run(part, run)
        _write_timers(part, commit)
        _write_cancelled(part, commit.cancelled, now)
        _append(part, commit, now)
        self._wake()
        return now

    @remote
    def fire_timers(self, p: int, *, limit: int = 500, now: int | None = None) -> int | None:
        now = self._now() if now is None else now
        part = self._partition(p)
        ordered = sorted(part.timers.items(), key=lambda t: (t[1], t[0].encode()))
        due = [(member, at) for member, at in ordered[:limit] if at <= now]
        for member, _ in due:
            del part.timers[member]
        if due:
            fired = [(member, str(at).encode()) for member, at in due]
            part.signals.add([("k", b"timer"), *fired], self._now())
            self._wake()
        return ordered[len(due)][1] if len(due) < len(ordered) else None

    @remote
    def backlog(self, p: int) -> dict[str, int]:
        return {type: len(s) for type, s in self._partition(p).tasks.items() if len(s)}


def _count_takeover(part: Partition, lease: LeaseState, *, added: int) -> None:
    first = part.signals.first_after(lease.cursor)
    before = lease.takeovers if first == lease.first else 0
    lease.takeovers = 0 if first is None else before + added
    lease.first = first


def _write_run(part: Partition, write: RunWrite) -> None:
    if write.unlink or write.replace or write.purge:
        dropped = part.runs.pop(write.run, {})
        part.outputs.pop(write.run, None)
        if write.unlink:
            return
        if write.purge and not write.replace and "head" in dropped:
            part.runs[write.run] = {"head": dropped["head"]}
    part.set_fields(write.run, write.fields)
    part.set_outputs(write.run, write.outputs)


def _write_timers(part: Partition, commit: Commit) -> None:
    for member in commit.timers_del:
        part.timers.pop(member, None)
    part.timers.update(commit.timers_add)


def _write_cancelled(part: Partition, tokens: Sequence[str], now: int) -> None:
    part.cancelled = {t: at for t, at in part.cancelled.items() if now - at < CANCELLED_MS}
    part.cancelled.update(dict.fromkeys(tokens, now))


def _append(part: Partition, commit: Commit, now: int) -> None:
    for page in commit.pages:
        part.add_page(page.type, page.tokens, now)
    for signal in commit.signals:
        part.signals.add(signal, now)
    for letter in commit.dead_letters:
        part.dead.add(letter, now)
    if commit.event:
        part.events.add([("e", commit.event)], now)
