"""Node types that bring their worker down, and outputs that tell their attempt."""

from __future__ import annotations

import os
import signal
import time

from minuet.worker import Context, node
from tests.crash.nodes import note


@node("prove.deadly", effect="idempotent", timeout="60s")
def deadly(ctx: Context, dies: bool = False, ms: int = 0) -> str:
    """Kill the process that runs this, every time, or be a harmless neighbour of who does, for so
    many ms."""
    note(ctx)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(ms / 1000)
    return ctx.node_id


@node("prove.marked", effect="idempotent", timeout="60s")
def marked(ctx: Context) -> str:
    note(ctx)
    return f"mark-{ctx.attempt}"
