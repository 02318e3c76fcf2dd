"""Node types whose every execution leaves a line in the ledger."""

from __future__ import annotations

import time

from minuet.worker import Context, RetryableError, node
from tests.crash.nodes import note


@node("prove.step", effect="idempotent", timeout="60s")
def step(ctx: Context, ms: int = 0) -> dict[str, str]:
    """Note the execution, then take `ms`."""
    note(ctx)
    if ms:
        time.sleep(ms / 1000)
    return {"node": ctx.node_id}


@node("prove.quick", effect="pure", timeout="60s")
def quick(ctx: Context, value: int = 0, ms: int = 0) -> int:
    """Note the execution and hand `value` on: of a pure type, so pages of it are large."""
    note(ctx)
    if ms:
        time.sleep(ms / 1000)
    return value


@node("prove.flaky", effect="idempotent", timeout="60s")
def flaky(ctx: Context, succeeds_at: int = 2) -> int:
    """Fail until the attempt with this number."""
    note(ctx)
    if ctx.attempt < succeeds_at:
        raise RetryableError(f"attempt {ctx.attempt} is too early")
    return ctx.attempt
