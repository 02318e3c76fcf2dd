"""A node that runs until it is cancelled, for workers of their own."""

from __future__ import annotations

import asyncio

from minuet.worker import node


@node("late.held", effect="idempotent", timeout="120s")
async def held() -> None:
    await asyncio.Event().wait()
