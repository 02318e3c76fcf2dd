"""A planned retry as people see it: why nodes run again, what that took, and whom it touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from minuet.model.ir import IrNode
from minuet.model.node_type import Effect
from minuet.store.usage import Usage
from minuet.views.retries import AgainView, CostView, RetryView

from ..definitions import Definition
from .past import PastNode
from .plan import Again, RetryPlan


def retry_view(
    run: str,
    definition: Definition,
    plan: RetryPlan,
    past: Mapping[str, PastNode],
    used: Mapping[str, Usage],
) -> RetryView:
    nodes = {node.id: node for node in definition.ir.nodes}
    again = [
        _again(each, nodes[each.node], _cost(past.get(each.node), used.get(each.node)))
        for each in plan.again
    ]
    return RetryView(
        retry_of=run,
        workflow=definition.name,
        version=definition.version,
        document_digest=definition.document_digest,
        reused=plan.kept,
        again=again,
        last=_total(each.last for each in again if each.last is not None),
    )


def _again(again: Again, node: IrNode, last: CostView | None) -> AgainView:
    return AgainView(
        id=node.id,
        type=node.type,
        reason=again.reason,
        after=again.after,
        effect=cast("Effect", node.effect),
        outside=node.effect != "pure" and not node.unknown,
        method=_method(node),
        asks_people=node.type == "hitl",
        last=last,
    )


def _method(node: IrNode) -> str | None:
    """As it stands in the config: it may be a template."""
    if node.type != "http":
        return None
    return str(msgspec.json.decode(node.config).get("method", "GET"))


def _cost(past: PastNode | None, used: Usage | None) -> CostView | None:
    """None for what never ran."""
    if past is None or past.cost.rounds == 0:
        return None
    cost = past.cost
    return CostView(
        cost.duration_ms, cost.attempts, cost.rounds,
        used and used.input_tokens, used and used.output_tokens,
    )  # fmt: skip


def _total(costs: Iterable[CostView]) -> CostView:
    found = list(costs)
    sent = [each.input_tokens for each in found if each.input_tokens is not None]
    got = [each.output_tokens for each in found if each.output_tokens is not None]
    return CostView(
        sum(each.duration_ms for each in found),
        sum(each.attempts for each in found),
        sum(each.rounds for each in found),
        sum(sent) if sent else None,
        sum(got) if got else None,
    )
