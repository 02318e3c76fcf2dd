"""The outputs of a run, rendered when its last token has ended."""

from __future__ import annotations

from typing import Any

import msgspec

from minuet.expr.errors import ExpressionError
from minuet.expr.template import Template
from minuet.model.status import NodeStatus

from .edges import ExpressionFailed
from .run_state import RunState
from .values import NeedsBlob, Values

# Outputs travel in the run's last event, which shares a commit of at most 8 MiB with others.
MAX_OUTPUT_BYTES = 1024 * 1024


def render_outputs(state: RunState, values: Values) -> Any:
    """Value of the document's `outputs`, None if it has none.

    An output that fails because a node it reads did not succeed is null: a workflow that branches
    names outputs of both branches. Raises ExpressionFailed for every other failure.
    """
    templates = state.plan.outputs
    if templates is None:
        return None
    if isinstance(templates, Template):
        rendered = _render(templates, state, values)
    else:
        rendered = {name: _render(each, state, values) for name, each in templates.items()}
    size_bytes = len(msgspec.json.encode(rendered))
    if size_bytes > MAX_OUTPUT_BYTES:
        raise ExpressionFailed(
            f"outputs are {size_bytes} bytes, the limit is {MAX_OUTPUT_BYTES}: select less"
        )
    return rendered


def _render(template: Template, state: RunState, values: Values) -> Any:
    try:
        return template.render(values.context(template.paths))
    except (ExpressionError, NeedsBlob) as exc:
        if isinstance(exc, ExpressionError) and _reads_unsuccessful(template, state):
            return None
        raise ExpressionFailed(f"outputs: {exc}") from exc


def _reads_unsuccessful(template: Template, state: RunState) -> bool:
    """Whether a node that the template reads did not succeed, so that it has no output."""
    nodes = {path[1] for path in template.paths if path[0] == "nodes"}
    cells = (state.frontier.cell(state.plan.index[node]) for node in nodes)
    return any(cell[0] != NodeStatus.SUCCEEDED for cell in cells)
