"""Node types for qualifying leads. Serve them with `minuet worker examples/lead_nodes.py`."""

from __future__ import annotations

import time

import msgspec

from minuet.worker import Context, Result, RetryableError, TerminalError, node


class Lead(msgspec.Struct):
    """What the config of `score_lead` must hold; numbers may come from expressions."""

    company: str
    employees: int
    country: str = "DE"


@node("score_lead", effect="pure", timeout="30s", title="Score a lead", ports=["hot"])
async def score_lead(lead: Lead, ctx: Context) -> Result:
    """An async function runs on the worker's loop; the whole config arrives typed."""
    score = min(100, lead.employees // 10)
    ctx.log.info("scored", company=lead.company, score=score)
    return Result(
        {"company": lead.company, "score": score}, port="hot" if score >= 80 else "success"
    )


@node("import_rows", effect="idempotent", timeout="10m")
def import_rows(rows: list[str], ctx: Context, pause_s: float = 0.0) -> dict[str, int]:
    """A plain function runs in a thread: it may block, and looks at `ctx.cancelled` itself."""
    for done, row in enumerate(rows):
        if ctx.cancelled:
            break
        if not row:
            raise TerminalError(f"row {done} is empty")
        if row == "busy":
            raise RetryableError("the importer is busy", retry_after_s=30)
        time.sleep(pause_s)
        ctx.progress((done + 1) / len(rows), f"{done + 1} of {len(rows)}")
    return {"imported": len(rows)}
