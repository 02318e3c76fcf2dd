"""The outputs of a run, rendered when its last token has ended."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from minuet.expr.errors import ExpressionError
from minuet.expr.paths import format_path
from minuet.expr.template import Template
from minuet.model.status import NodeStatus
from minuet.model.token import CasRef

from .edges import ExpressionFailed
from .run_state import RunState
from .values import NeedsBlob, Values

# Outputs travel in the run's last event, which shares a commit of at most 8 MiB with others.
MAX_OUTPUT_BYTES = 1024 * 1024


class Rendered(NamedTuple):
    """`values` is None if the document has no outputs; `refs` are the outputs, by name, that are
    too large to stand inline: their value in `values` is null."""

    values: Any = None
    refs: Mapping[str, CasRef] = MappingProxyType({})


def render_outputs(state: RunState, values: Values) -> Rendered:
    """The document's `outputs`.

    An output that fails because a node it reads did not succeed is null: a workflow that branches
    names outputs of both branches. One that is exactly a large value is handed on by reference.
    Raises ExpressionFailed for every other failure.
    """
    templates = state.plan.outputs
    if templates is None:
        return Rendered()
    if isinstance(templates, Template):
        rendered = Rendered(_render(templates, state, values))
    else:
        refs = {
            name: ref
            for name, each in templates.items()
            if (ref := _reference(each, values)) is not None
        }
        rendered = Rendered(
            {
                name: None if name in refs else _render(each, state, values)
                for name, each in templates.items()
            },
            refs,
        )
    size_bytes = len(msgspec.json.encode(rendered.values))
    if size_bytes > MAX_OUTPUT_BYTES:
        raise ExpressionFailed(
            f"outputs are {size_bytes} bytes, the limit is {MAX_OUTPUT_BYTES}: select less"
        )
    return rendered


def _reference(template: Template, values: Values) -> CasRef | None:
    """Where the value lies, if the template is nothing but the path of a large one. What came along
    with a large value, because it is read, is small."""
    source = template.source
    if not isinstance(source, str) or len(template.paths) != 1:
        return None
    [path] = template.paths
    if path[0] not in ("inputs", "nodes") or source[2:-1].strip() != format_path(path):
        return None
    try:
        values.get(path)
    except NeedsBlob:
        found = values.raw(path)
        return found if isinstance(found, CasRef) else None
    return None


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
