"""A node that runs until it is cancelled, for workers of their own."""

from __future__ import annotations

import asyncio

from minuet.worker import Context, node

from .nodes import note


@node("late.held", effect="idempotent", timeout="120s")
async def held(ctx: Context) -> None:
    """Leave a line, then wait to be interrupted."""
    note(ctx, "began")
    await asyncio.Event().wait()
