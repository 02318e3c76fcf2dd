"""The coordinator's side of the bus on Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from minuet.model.errors import Fenced, Unavailable

from .api import Commit, Entry, Lease, Loaded, StaleRuns
from .codes import FENCED, NO_TIMER, NOT_HELD, Acquired
from .commit_args import commit_args, commit_keys
from .redis_core import RedisCore
from .streams import read_streams


class RedisCoordinator(RedisCore):
    async def acquire(
        self, p: int, owner: str, lease_ms: int, *, now: int | None = None
    ) -> Lease | None:
        keys = (self._keys.lease(p), self._keys.signals(p))
        reply = await self._redis.fcall("acquire", keys, (owner, lease_ms, now or 0))
        # Another owner may have met another Redis: say again which streams exist.
        self._known_types.pop(p, None)
        if reply[0] == Acquired.HELD_BY_ANOTHER:
            return None
        _, commit, cursor, takeovers, at = reply
        return Lease(p, owner, commit, cursor.decode(), takeovers, at)

    async def renew(self, p: int, owner: str, lease_ms: int) -> int | None:
        reply = await self._redis.fcall("renew", (self._keys.lease(p),), (owner, lease_ms, 0))
        return None if reply == NOT_HELD else int(reply)

    async def release(self, p: int, owner: str) -> bool:
        return bool(await self._redis.fcall("release", (self._keys.lease(p),), (owner,)))

    async def join(self, coordinator: str, *, stale_after_ms: int) -> int:
        keys = (self._keys.coordinators,)
        return int(await self._redis.fcall("join", keys, (coordinator, stale_after_ms)))

    async def leave(self, coordinator: str) -> None:
        await self._redis.call(b"ZREM", self._keys.coordinators, coordinator)

    async def read_signals(
        self, cursors: Mapping[int, str], *, count: int, block_ms: int
    ) -> list[Entry]:
        streams = {self._keys.signals(p): (p, cursor) for p, cursor in cursors.items()}
        return await read_streams(self._redis, streams, count=count, block_ms=block_ms)

    async def load_runs(self, p: int, runs: Sequence[str]) -> list[Loaded | None]:
        replies = await self._redis.call_many(
            [(b"HGETALL", self._keys.run(p, run)) for run in runs]
        )
        return [_loaded(flat) if flat else None for flat in replies]

    async def load_outputs(self, p: int, run: str, nodes: Sequence[str]) -> list[bytes | None]:
        if not nodes:
            return []
        return list(await self._redis.call(b"HMGET", self._keys.out(p, run), *nodes))

    async def stale_runs(self, p: int) -> StaleRuns | None:
        text = await self._redis.call(b"GET", self._keys.stale(p))
        return None if text is None else msgspec.json.decode(text, type=StaleRuns)

    async def commit(self, commit: Commit) -> int:
        keys = commit_keys(self._keys, commit)
        at = await self._redis.fcall("commit", keys, commit_args(commit))
        if at == FENCED:
            raise Fenced(f"partition {commit.p} is not at {commit.owner}/{commit.number}")
        await self._name_types(commit)
        return int(at)

    async def fire_timers(self, p: int, *, limit: int = 500, now: int | None = None) -> int | None:
        keys = (self._keys.timers(p), self._keys.signals(p))
        at = await self._redis.fcall("fire_timers", keys, (limit, now or 0))
        return None if at == NO_TIMER else int(at)

    async def backlog(self, p: int) -> dict[str, int]:
        types = [name.decode() for name in await self._redis.call(b"SMEMBERS", self._keys.types(p))]
        lengths = await self._redis.call_many([(b"XLEN", self._keys.tasks(p, t)) for t in types])
        return {type: length for type, length in zip(types, lengths, strict=True) if length}

    async def _name_types(self, commit: Commit) -> None:
        """Note types whose streams `backlog` cannot know yet: once a type and process.

        After the commit: what is sent next must not overtake that while this is under way.
        """
        known = self._known_types.setdefault(commit.p, set())
        new = {page.type for page in commit.pages} - known
        if not new:
            return
        try:
            await self._redis.call(b"SADD", self._keys.types(commit.p), *new)
            known |= new
        except Unavailable:
            # A full server refuses this; the commit stands all the same. Named the next time.
            return


def _loaded(flat: list[bytes]) -> Loaded:
    return Loaded(dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True)))
