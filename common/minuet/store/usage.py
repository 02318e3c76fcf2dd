"""What models were told to have used, by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .database import Connection


class Usage(NamedTuple):
    input_tokens: int
    output_tokens: int


_USAGE = """
select node, sum(coalesce((details->>'input_tokens')::bigint, 0))::bigint,
  sum(coalesce((details->>'output_tokens')::bigint, 0))::bigint
from node_turns where run_id = $1 and details is not null group by node
"""


async def usage_of_run(c: Connection, run: str) -> dict[str, Usage]:
    """Sums over the finished turns of each node that has any; best effort, as turns are."""
    rows = await c.fetch(_USAGE, run)
    return {node: Usage(sent, got) for node, sent, got in rows}
