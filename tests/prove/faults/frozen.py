"""Stop processes where they stand, and let them go on: nothing in them learns of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def family(pid: int) -> list[int]:
    """The process and all its descendants, as Postgres has one for each connection."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """SIGSTOP now, SIGCONT at the end of the block, whatever happens in it."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def is_at_work(pid: int) -> bool:
    """Whether its main thread computes at this moment, rather than waits."""
    return _stat(Path(f"/proc/{pid}/task/{pid}"))[0] == "R"


def _parent(process: Path) -> int:
    try:
        return int(_stat(process)[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _stat(process: Path) -> list[str]:
    """From the state on: what stands before it may hold blanks."""
    return (process / "stat").read_text().rpartition(")")[2].split()
