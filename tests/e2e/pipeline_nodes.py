"""The step of a pipeline, with a line in the ledger where it begins and where it ends."""

from __future__ import annotations

import asyncio

from examples.pipelines.nodes import fingerprint
from minuet.worker import Context, node

from .nodes import note


@node("e2e.job", effect="idempotent", timeout="60s")
async def job(inputs: list[str | None], ctx: Context, ms: int = 0) -> str:
    """Take `ms`, then hand on a fingerprint of everything that came before."""
    note(ctx, "began")
    await asyncio.sleep(ms / 1000)
    note(ctx, "ended")
    return fingerprint(ctx.node_id, inputs)
