"""Node types of the benchmarks."""

from __future__ import annotations

import asyncio
import os
import time
from functools import cache

from minuet.worker import node

STAMPS_VARIABLE = "MINUET_BENCH_STAMPS"


@cache
def _stamps() -> int:
    return os.open(os.environ[STAMPS_VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@node("bench.noop", effect="pure")
async def noop() -> None:
    """Nothing."""


@node("bench.stamp", effect="idempotent")
async def stamp() -> None:
    """Write down when it ran, in ns."""
    os.write(_stamps(), f"{time.monotonic_ns()}\n".encode())


@node("bench.short", effect="idempotent")
async def short() -> None:
    """Take five milliseconds."""
    await asyncio.sleep(0.005)
