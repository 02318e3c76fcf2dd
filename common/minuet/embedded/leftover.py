"""End a server that an earlier, killed supervisor left behind on the same data.

Servers die with their supervisor, but not at once: one may still be writing when the next
supervisor starts, and two servers on one data directory destroy it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

POLL_S = 0.02


async def end_leftovers(data_dir: Path, stop_signal: signal.Signals, grace_s: float = 10.0) -> None:
    """Stop every process whose working directory is `data_dir`, and wait until it is gone."""
    pids = pids_working_in(data_dir)
    for pid in pids:
        _send(pid, stop_signal)
    deadline = asyncio.get_running_loop().time() + grace_s
    while pids := [pid for pid in pids if _works_in(pid, data_dir)]:
        if asyncio.get_running_loop().time() > deadline:
            for pid in pids:
                _send(pid, signal.SIGKILL)
        await asyncio.sleep(POLL_S)


def pids_working_in(data_dir: Path) -> list[int]:
    """Processes whose working directory is `data_dir`, as far as this user may see them."""
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if pid != os.getpid() and _works_in(pid, data_dir)]


def _works_in(pid: int, data_dir: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data_dir.resolve()
    except OSError:  # it ended, or is not ours to see
        return False


def _send(pid: int, signal_number: signal.Signals) -> None:
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return
