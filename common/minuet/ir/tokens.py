"""Task tokens of nodes that are dispatched."""

from __future__ import annotations

import msgspec

from minuet.model.token import CasRef, TaskToken, idempotency_key

from .plan import NodePlan
from .run_state import RunState
from .transition import Token
from .values import Values

_encode = msgspec.json.Encoder().encode


def make_token(state: RunState, node: NodePlan, values: Values) -> Token:
    """The token of the node's present attempt, with what its config reads."""
    ir_node = node.node
    _, gen, attempt, iteration, *_ = state.frontier.cell(node.index)
    context: dict[str, msgspec.Raw] = {}
    refs = {}
    for text, path in node.reads:
        value = values.raw(path, iteration)
        if isinstance(value, CasRef):
            refs[text] = value
        elif value is not None:
            context[text] = value
    token = TaskToken(
        run=state.run,
        tenant=state.start.tenant,
        node=node.id,
        type=ir_node.type,
        gen=gen,
        attempt=attempt,
        config=ir_node.config,
        timeout_ms=ir_node.timeout_ms,
        idempotency_key=idempotency_key(state.run, node.id, gen),
        iteration=iteration,
        context=context,
        refs=refs,
        returns=ir_node.returns,
        deadline_at=state.deadline_at or None,
        traceparent=state.start.traceparent,
    )
    id = f"{state.run}/{node.id}/{gen}/{attempt}"
    return Token(ir_node.type, node.effect, id, _encode(token))
