"""Node types of the end-to-end tests; those that matter leave a line in a ledger file."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from minuet.worker import Context, Result, RetryableError, node

LEDGER_VARIABLE = "MINUET_TEST_LEDGER"
PATIENCE_S = 20.0


def note(ctx: Context, word: str) -> None:
    """Append `run node attempt word` in one write: lines of several processes stay whole."""
    line = f"{ctx.run_id} {ctx.node_id} {ctx.attempt} {word}\n"
    with Path(os.environ[LEDGER_VARIABLE]).open("ab", buffering=0) as ledger:
        ledger.write(line.encode())


@node("e2e.note", effect="pure", timeout="20s")
async def note_once(ctx: Context, value: Any = None) -> dict[str, Any]:
    """Leave a line and hand `value` on."""
    note(ctx, "ran")
    return {"node": ctx.node_id, "value": value}


@node("e2e.sleep", effect="idempotent", timeout="20s")
async def sleep(ctx: Context, ms: int) -> None:
    """Take `ms`, then leave a line."""
    await asyncio.sleep(ms / 1000)
    note(ctx, "ran")


@node("e2e.flaky", effect="idempotent", timeout="20s")
async def flaky(ctx: Context, succeeds_at: int) -> int:
    """Fail until the attempt with this number."""
    note(ctx, f"{time.time_ns() // 1_000_000}")
    if ctx.attempt < succeeds_at:
        raise RetryableError(f"attempt {ctx.attempt} is too early")
    return ctx.attempt


@node("e2e.stubborn", effect="idempotent", timeout="20s")
def stubborn(ctx: Context) -> str:
    """A plain function that only looks at `ctx.cancelled`."""
    note(ctx, "began")
    end = time.monotonic() + PATIENCE_S
    while not ctx.cancelled and time.monotonic() < end:
        time.sleep(0.02)
    note(ctx, "cancelled" if ctx.cancelled else "ran")
    return "unwanted"


@node("e2e.patient", effect="idempotent", timeout="20s")
async def patient(ctx: Context) -> str:
    """An async function that waits to be interrupted."""
    note(ctx, "began")
    try:
        await asyncio.sleep(PATIENCE_S)
    except asyncio.CancelledError:
        note(ctx, "interrupted")
        raise
    note(ctx, "ran")
    return "unwanted"


@node("e2e.hand_over", effect="idempotent", timeout="20s")
async def hand_over() -> Result:
    """Leave the node waiting for somebody else."""
    return Result(waiting=True, wait_ms=3_600_000)


@node("e2e.deaf", effect="idempotent", timeout="40s")
def deaf(ctx: Context) -> None:
    """A plain function that never looks whether it is still wanted."""
    note(ctx, "began")
    time.sleep(PATIENCE_S)
    note(ctx, "ran")


@node("e2e.large", effect="pure", timeout="20s")
async def large(size: int) -> dict[str, str]:
    """As many characters as asked for, different ones."""
    return {"text": ("0123456789abcdef" * (size // 16 + 1))[:size]}


@node("e2e.measure", effect="pure", timeout="20s")
async def measure(text: str) -> dict[str, Any]:
    """What arrived: its length and its two ends."""
    return {"size": len(text), "head": text[:4], "tail": text[-4:]}


@node("e2e.talkative", effect="idempotent", timeout="20s")
async def talkative(ctx: Context) -> None:
    """Log and tell progress, then wait until that can have been seen."""
    ctx.log.info("half way", count=1)
    ctx.progress(0.5, "half way")
    ctx.log.warning("nearly there")
    await asyncio.sleep(3)


@node("e2e.fail", effect="pure", timeout="20s")
async def fail_hard(message: str) -> None:
    """Fail, for good after the last attempt."""
    raise ValueError(message)


@node("e2e.heedless", effect="idempotent", timeout="20s")
def heedless(ctx: Context, ms: int) -> None:
    """A plain function that takes `ms`, wanted or not, then leaves a line."""
    time.sleep(ms / 1000)
    note(ctx, "ran")
