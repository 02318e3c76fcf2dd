"""The Python node of this example. Serve it: minuet worker examples/lead_routing/nodes.py"""

from __future__ import annotations

from typing import TypedDict

from minuet.worker import Context, node

CREDIT_POINTS = {"A": 30, "B": 15, "C": 0}


class Rating(TypedDict):
    score: int


@node("rate_lead", effect="pure", timeout="10s", title="Rate a lead")
async def rate_lead(employees: int, credit: str, mentions: int, ctx: Context) -> Rating:
    """From 0 to 100: size, credit and how much is said about the company."""
    score = min(50, employees // 20) + CREDIT_POINTS.get(credit, 0) + min(20, mentions * 2)
    ctx.log.info("rated", score=score)
    return {"score": score}
