"""Ids, types, times and retries of nodes; the settings."""

from __future__ import annotations

from collections.abc import Mapping

from minuet.model.duration import duration_ms
from minuet.model.errors import InvalidInput
from minuet.model.node_type import NodeType

from .draft import Draft, NodeDraft
from .faults import Faults, pointer, quoted

# CEL: keywords and the words it reserves (language definition, "Syntax").
CEL_WORDS = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
     "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)  # fmt: skip


def check_nodes(draft: Draft, types: Mapping[str, NodeType], faults: Faults) -> None:
    """Fills `draft.by_id` and each node's `kind`."""
    for position, each in enumerate(draft.nodes):
        _check_id(draft, position, each, faults)
        each.kind = _known_type(draft, each, types, faults)
        _check_times(each, faults)
    _duration(draft.settings.deadline, pointer("settings", "deadline"), faults)


def _check_id(draft: Draft, position: int, each: NodeDraft, faults: Faults) -> None:
    name, at = each.node.id, pointer("nodes", each.index, "id")
    if not name:
        return
    if name in CEL_WORDS:
        faults.error(at, f"'{name}' is a word of the expression language: use another id")
    first = draft.by_id.setdefault(name, position)
    if first != position:
        where = pointer("nodes", draft.nodes[first].index)
        faults.error(at, f"duplicate id: '{name}' is already the node at {where}")


def _known_type(
    draft: Draft, each: NodeDraft, types: Mapping[str, NodeType], faults: Faults
) -> NodeType | None:
    name, at = each.node.type, pointer("nodes", each.index, "type")
    kind = types.get(name)
    if kind is not None or not name:
        return kind
    fix = faults.nearest(name, types) or f"; known are {quoted(sorted(types))}"
    if draft.settings.unknown_types == "fail":
        faults.error(at, f"no worker ever registered the type '{name}'{fix}")
    else:
        faults.warning(
            at, f"no worker ever registered the type '{name}', so the node will be skipped{fix}"
        )
    return None


def _check_times(each: NodeDraft, faults: Faults) -> None:
    node = each.node
    _duration(node.timeout, pointer("nodes", each.index, "timeout"), faults)
    if node.retry is None:
        return
    at = pointer("nodes", each.index, "retry")
    initial = _duration(node.retry.initial, f"{at}/initial", faults, least=0)
    longest = _duration(node.retry.max, f"{at}/max", faults, least=0)
    if initial is not None and longest is not None and longest < initial:
        faults.error(f"{at}/max", "the longest wait is shorter than the first (retry.initial)")
    if each.inline:
        faults.warning(at, f"'{node.type}' nodes are evaluated in place and never retried")


def _duration(text: str | None, at: str, faults: Faults, *, least: int = 1) -> int | None:
    """The milliseconds, or None if there are none or they are reported as faulty."""
    if text is None:
        return None
    try:
        ms = duration_ms(text)
    except InvalidInput as exc:
        faults.error(at, str(exc))
        return None
    if ms < least:
        faults.error(at, f"{text!r} is too short: at least {least}ms")
        return None
    return ms
