"""What the exit code of `minuet` means; documented in docs/cli.md."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Stable: scripts depend on the numbers."""

    DONE = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    UNAUTHORIZED = 5
    CONFLICT = 6
    STILL_RUNNING = 7
    INTERNAL = 70
    INTERRUPTED = 130
