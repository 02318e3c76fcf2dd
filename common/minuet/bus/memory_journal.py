"""Where the journals of executions stand, in memory."""

from __future__ import annotations

from .memory_core import MemoryCore, remote


class MemoryJournal(MemoryCore):
    @remote
    def journal_at(self, tenant: str, key: str) -> str | None:
        digest, expires_at = self._state.journals.get((tenant, key), ("", 0))
        return digest if self._now() < expires_at else None

    @remote
    def move_journal(
        self, tenant: str, key: str, previous: str | None, digest: str, *, ttl_s: int
    ) -> bool:
        stands, expires_at = self._state.journals.get((tenant, key), ("", 0))
        current = stands if self._now() < expires_at else None
        if current not in (previous, digest):
            return False
        self._state.journals[tenant, key] = (digest, self._now() + ttl_s * 1000)
        return True
