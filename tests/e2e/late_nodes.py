"""A node type whose worker comes late."""

from __future__ import annotations

from minuet.worker import node


@node("e2e.late", effect="pure", timeout="20s")
async def late(value: int) -> int:
    return value
