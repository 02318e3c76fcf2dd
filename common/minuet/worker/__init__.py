"""Node types in Python: decorate a function, serve it with `minuet worker my_module`.

    from minuet.worker import Context, node

    @node("score_lead", effect="pure", timeout="30s")
    async def score_lead(company: str, employees: int, ctx: Context) -> dict:
        ctx.log.info("scoring", company=company)
        return {"score": min(100, employees // 10)}

See docs/workers.md.
"""

from minuet.model.errors import RetryableError, TerminalError

from .context import Context
from .registry import NodeDefinitionError, Registry, node
from .result import Result

__all__ = [
    "Context",
    "NodeDefinitionError",
    "Registry",
    "Result",
    "RetryableError",
    "TerminalError",
    "node",
]
