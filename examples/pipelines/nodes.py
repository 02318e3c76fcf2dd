"""The step of the pipelines beside. Serve it: minuet worker examples/pipelines/nodes.py"""

from __future__ import annotations

import asyncio
import hashlib

from minuet.worker import Context, node


def fingerprint(step: str, inputs: list[str | None]) -> str:
    """What stands for a step's result: it differs if any step before it, or their order, does."""
    return hashlib.sha256("\n".join([step, *map(str, inputs)]).encode()).hexdigest()[:16]


@node("pipeline.job", effect="pure", timeout="60s", title="Step of a pipeline")
async def job(inputs: list[str | None], ctx: Context, ms: int = 0) -> str:
    """Take `ms`, then hand on a fingerprint of everything that came before."""
    await asyncio.sleep(ms / 1000)
    return fingerprint(ctx.node_id, inputs)
