"""What conditions decide: out-edges taken, another round of a loop, a guarded node."""

from __future__ import annotations

from minuet.expr.errors import ExpressionError

from .plan import NodePlan
from .values import NeedsBlob, Values


class ExpressionFailed(Exception):
    """An expression of the document could not be evaluated; the text says which and why."""


def taken_edges(node: NodePlan, port: str, values: Values, iteration: int = 0) -> list[int]:
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
                context = values.context(edge.when.paths, source=node.id, iteration=iteration)
                if edge.when.evaluate_bool(context):
                    chosen.append(edge.position)
            except (ExpressionError, NeedsBlob) as exc:
                raise ExpressionFailed(f"edge condition `{edge.edge.when}`: {exc}") from exc
    if not chosen:
        chosen = [edge.position for edge in matching if edge.edge.otherwise]
    return sorted(taken + chosen)


def goes_round(node: NodePlan, port: str, values: Values, iteration: int) -> bool:
    """Whether the loop that `node` closes wants another round. Raises ExpressionFailed."""
    back = node.back
    if port != back.on:
        return False
    try:
        context = values.context(back.while_.paths, source=node.id, iteration=iteration)
        return back.while_.evaluate_bool(context)
    except (ExpressionError, NeedsBlob) as exc:
        raise ExpressionFailed(f"loop condition `{back.while_.text}`: {exc}") from exc


def is_let(node: NodePlan, values: Values, iteration: int) -> bool:
    """Whether the node's guard lets it run. Raises ExpressionFailed."""
    try:
        context = values.context(node.guard.paths, iteration=iteration)
        return node.guard.evaluate_bool(context)
    except (ExpressionError, NeedsBlob) as exc:
        raise ExpressionFailed(f"guard `{node.guard.text}`: {exc}") from exc
