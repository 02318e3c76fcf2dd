"""Development: run the worker as a child and start it anew when a source changes."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog
import watchfiles

from minuet.embedded.child import launch_command

log = structlog.get_logger()


def run_reloading(command: Sequence[str], folders: Iterable[Path], *, drain_s: float) -> int:
    """Until SIGINT or SIGTERM; the exit code of the last child.

    At each change the child drains before the next one starts. A child that ended by itself (a
    syntax error, say) is started again at the next change. Only from the main thread.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    child = spawn(command)
    changes = watchfiles.watch(
        *folders,
        watch_filter=watchfiles.PythonFilter(),
        stop_event=stop,
        rust_timeout=500,
        raise_interrupt=False,
    )
    for changed in changes:
        log.info("worker_reloading", files=sorted({Path(path).name for _, path in changed}))
        end(child, drain_s)
        child = spawn(command)
    return end(child, drain_s)


def spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """The worker in a session of its own, so that Ctrl-C reaches it only through us."""
    return subprocess.Popen(launch_command(command, signal.SIGTERM), start_new_session=True)


def end(child: subprocess.Popen[bytes], drain_s: float) -> int:
    """Let the child drain; kill it if it takes more than twice its time."""
    child.terminate()
    try:
        return child.wait(2 * drain_s + 5)
    except subprocess.TimeoutExpired:
        log.warning("worker_killed", pid=child.pid)
        child.kill()
        return child.wait()
