"""What runs and processes that are gone may have left on Redis, and how it goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from .api import ReconcilerBus


class LeftoverBus(ReconcilerBus, Protocol):
    """Only for what no owner looks after any more: all else is asked of it by a signal."""

    async def unpurged(self, p: int, runs: Sequence[str]) -> list[bool]:
        """Whether more is held of each run than the head that an archived one keeps for a while."""

    async def backlog(self, p: int) -> dict[str, int]:
        """Task entries by node type (see CoordinatorBus)."""

    async def cancelled_before(self, p: int, before: int, *, limit: int) -> list[str]:
        """Tokens that were cancelled before that instant, oldest first; forgets those that were
        cancelled more than an hour ago."""

    async def forget_cancelled(self, p: int, tokens: Sequence[str]) -> None:
        """To be called once no entry names the tokens any more."""

    async def drop_consumers(self, p: int, *, min_idle_ms: int) -> int:
        """Forget workers that hold nothing and have asked for nothing for so long; how many times.
        One that comes back is known again."""

    async def trim_live(self, through: Mapping[int, str]) -> None:
        """Delete what was told beside the history, by partition up to that entry."""

    async def oldest_events(self, partitions: Collection[int]) -> dict[int, int]:
        """When the oldest commit was made that waits to be recorded, by partition; those without
        any are left out."""

    async def renew_blobs(self, blobs: Sequence[tuple[str, str]], *, ttl_s: int) -> list[bool]:
        """Whether each (tenant, digest) is in the cache; those that are stay for that time at
        least."""

    async def fade_blobs(self, blobs: Sequence[tuple[str, str]], *, ttl_s: int) -> None:
        """Let these (tenant, digest) leave the cache after that time at the latest, unless they
        are read or put again before."""
