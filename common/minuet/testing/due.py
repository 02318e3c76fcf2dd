"""What is due when, on the virtual clock."""

from __future__ import annotations

import heapq


class Timers:
    """By member, as in `{p}:timers`. Those of one instant come in the order of their members."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def add(self, member: str, due_at: int) -> None:
        """Set, or move."""
        self._due[member] = due_at
        heapq.heappush(self._heap, (due_at, member))

    def drop(self, member: str) -> None:
        """Harmless if there is none."""
        self._due.pop(member, None)

    def first(self) -> tuple[int, str] | None:
        """The next one; it stays until it is dropped."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None
