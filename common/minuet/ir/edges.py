"""Which out-edges of a node are taken when it ends on a port."""

from __future__ import annotations

from minuet.expr.errors import ExpressionError

from .plan import NodePlan
from .values import NeedsBlob, Values


class ExpressionFailed(Exception):
    """An expression of the document could not be evaluated; the text says which and why."""


def taken_edges(node: NodePlan, port: str, values: Values) -> list[int]:
    """Positions of the taken edges among the node's out-edges.

    An edge is taken if its port matches and its `when` holds; `otherwise` edges if no conditional
    sibling on that port was. Raises ExpressionFailed.
    """
    matching = [edge for edge in node.out_edges if edge.edge.on == port]
    taken = [edge.position for edge in matching if not edge.when and not edge.edge.otherwise]
    chosen: list[int] = []
    for edge in matching:
        if edge.when is not None:
            try:
                context = values.context(edge.when.paths, source=node.id)
                if edge.when.evaluate_bool(context):
                    chosen.append(edge.position)
            except (ExpressionError, NeedsBlob) as exc:
                raise ExpressionFailed(f"edge condition `{edge.edge.when}`: {exc}") from exc
    if not chosen:
        chosen = [edge.position for edge in matching if edge.edge.otherwise]
    return sorted(taken + chosen)
