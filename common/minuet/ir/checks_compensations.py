"""Nodes that undo others: they stand apart, and each undoes one."""

from __future__ import annotations

from .draft import Draft, NodeDraft
from .faults import Faults, pointer


def check_compensations(draft: Draft, faults: Faults) -> None:
    """Fills each compensating node's `undoes`."""
    linked = {position for each in draft.linked() for position in each.ends}
    for position, each in enumerate(draft.nodes):
        name = each.node.compensate
        if name is None:
            continue
        at = pointer("nodes", each.index, "compensate")
        found = draft.by_id.get(name)
        if found is None:
            faults.error(at, f"there is no node '{name}'{faults.nearest(name, draft.by_id)}")
        elif reason := _unfit(draft, each, position, found, linked):
            faults.error(at, reason)
        else:
            draft.nodes[found].undoes = position
    if draft.settings.compensate_on and all(node.undoes is None for node in draft.nodes):
        faults.warning(pointer("settings", "compensate_on"), "no node names one that undoes it")


def _unfit(
    draft: Draft, each: NodeDraft, position: int, found: int, linked: set[int]
) -> str | None:
    """Why the node at `found` may not undo the one at `position`."""
    other = draft.nodes[found]
    if found in linked or found == position:
        return f"'{other.node.id}' has edges: a compensating node runs only to undo another"
    if other.undoes is not None:
        return f"'{other.node.id}' undoes '{draft.nodes[other.undoes].node.id}' already"
    if other.node.compensate is not None:
        return f"'{other.node.id}' is to be undone itself: what compensates is not compensated"
    if draft.loops is not None and draft.loops.innermost[position] >= 0:
        return (
            f"'{each.node.id}' lies in a loop, where only its last round could be undone: move "
            "the loop into a workflow of its own"
        )
    return None
