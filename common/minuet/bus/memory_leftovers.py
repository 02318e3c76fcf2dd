"""Leftovers in the in-memory bus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from .memory_core import MemoryCore, remote
from .memory_state import CANCELLED_MS
from .memory_stream import parse_id


class MemoryLeftovers(MemoryCore):
    async def held_runs(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, list[str]]]:
        for p in partitions:
            if runs := await self._held_of(p):
                yield p, runs

    @remote
    def _held_of(self, p: int) -> list[str]:
        part = self._partition(p)
        return list(dict.fromkeys([*part.runs, *part.outputs]))

    @remote
    def unpurged(self, p: int, runs: Sequence[str]) -> list[bool]:
        part = self._partition(p)
        return ["meta" in part.runs.get(run, {}) or run in part.outputs for run in runs]

    @remote
    def cancelled_before(self, p: int, before: int, *, limit: int) -> list[str]:
        cancelled = self._partition(p).cancelled
        for token in [t for t, at in cancelled.items() if at <= before - CANCELLED_MS]:
            del cancelled[token]
        due = sorted((at, token) for token, at in cancelled.items() if at <= before)
        return [token for _, token in due[:limit]]

    @remote
    def forget_cancelled(self, p: int, tokens: Sequence[str]) -> None:
        for token in tokens:
            self._partition(p).cancelled.pop(token, None)

    @remote
    def drop_consumers(self, p: int, *, min_idle_ms: int) -> int:
        """Nothing is kept of consumers that hold nothing."""
        return 0

    @remote
    def trim_live(self, through: Mapping[int, str]) -> None:
        for p, id in through.items():
            self._partition(p).live.trim_through(parse_id(id))

    @remote
    def oldest_events(self, partitions: Collection[int]) -> dict[int, int]:
        firsts = {p: self._partition(p).events.first_after((0, 0)) for p in partitions}
        return {p: first[0] for p, first in firsts.items() if first is not None}

    @remote
    def renew_blobs(self, blobs: Sequence[tuple[str, str]], *, ttl_s: int) -> list[bool]:
        now = self._now()
        there = [self._state.cas.get(blob, (b"", 0))[1] > now for blob in blobs]
        for blob, is_there in zip(blobs, there, strict=True):
            if is_there:
                data, expires_at = self._state.cas[blob]
                self._state.cas[blob] = (data, max(expires_at, now + ttl_s * 1000))
        return there

    @remote
    def fade_blobs(self, blobs: Sequence[tuple[str, str]], *, ttl_s: int) -> None:
        until = self._now() + ttl_s * 1000
        for blob in blobs:
            if blob in self._state.cas:
                data, expires_at = self._state.cas[blob]
                self._state.cas[blob] = (data, min(expires_at, until))
