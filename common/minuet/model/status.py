"""The states of runs and nodes: one vocabulary for the router, Redis, SQL, JSON and the browser."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Final


class NodeStatus(IntEnum):
    """State of one node of a run. The numbers are stored in Redis: never renumber.

    ARMED is ready but not yet dispatched (held by a batch bound or a pause); people see it as
    `ready`. CANCELLING was dispatched, and its worker has not let go of it yet.
    """

    PENDING = 0
    ARMED = 1
    READY = 2
    WAITING = 3
    RETRYING = 4
    SUCCEEDED = 5
    FAILED = 6
    SKIPPED = 7
    CANCELLED = 8
    TIMED_OUT = 9
    CANCELLING = 10

    @cached_property
    def live(self) -> bool:
        """The node holds a token: it counts in the run's counter."""
        return NodeStatus.ARMED <= self <= NodeStatus.RETRYING or self is NodeStatus.CANCELLING

    @cached_property
    def ended(self) -> bool:
        return NodeStatus.SUCCEEDED <= self <= NodeStatus.TIMED_OUT

    @cached_property
    def word(self) -> str:
        """The word that API and UI use."""
        return "ready" if self is NodeStatus.ARMED else self.name.lower()


class RunStatus(IntEnum):
    """State of a run. The numbers are stored in Redis: never renumber."""

    QUEUED = 0
    RUNNING = 1
    WAITING = 2
    PAUSED = 3
    CANCELLING = 4
    COMPENSATING = 5
    SUCCEEDED = 6
    FAILED = 7
    CANCELLED = 8
    TIMED_OUT = 9

    @cached_property
    def ended(self) -> bool:
        return self >= RunStatus.SUCCEEDED

    @cached_property
    def word(self) -> str:
        return self.name.lower()


NODE_STATUS_BY_WORD: Final = {s.name.lower(): s for s in NodeStatus}
RUN_STATUS_BY_WORD: Final = {s.word: s for s in RunStatus}

# Ports that every node type may end on; types add labels of their own.
SUCCESS: Final = "success"
ERROR: Final = "error"
TIMEOUT: Final = "timeout"

# Port of a node whose loop has run out.
EXHAUSTED: Final = "exhausted"

# Ports of `hitl` nodes; an edge from one listens on the first unless it says otherwise.
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
