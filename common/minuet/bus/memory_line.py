"""Where tokens stand in a task stream of the in-memory bus."""

from __future__ import annotations

from .api import TaskLine
from .memory_core import MemoryCore, remote
from .memory_stream import Stream


class MemoryLine(MemoryCore):
    @remote
    def is_owned(self, p: int) -> bool:
        lease = self._partition(p).lease
        return lease is not None and bool(lease.owner) and lease.expires_at > self._now()

    @remote
    def task_line(self, p: int, type: str, *, limit: int) -> TaskLine:
        part = self._partition(p)
        stream = part.tasks.get(type) or Stream()
        entries = list(stream.undelivered(limit + 1))
        waiting = [token for _, fields in entries[:limit] for token, _ in fields]
        held = {
            token: pending.consumer
            for id, pending in stream.pending.items()
            for token, _ in part.remaining(type, id)
        }
        return TaskLine(waiting, held, len(entries) <= limit)
