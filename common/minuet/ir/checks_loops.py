"""Back edges: each must close a loop that can be run again."""

from __future__ import annotations

from .draft import Draft, EdgeDraft
from .faults import Faults, pointer
from .graph import topological_order
from .loops import LoopFault, find_loops

MAX_DEPTH = 8


def check_loops(draft: Draft, faults: Faults) -> None:
    """Fills `draft.loops`."""
    linked, n = draft.linked(), len(draft.nodes)
    if len(topological_order(n, draft.flow())) < n:
        return  # a cycle of forward edges: its own check names it
    back = [each.edge.loop is not None for each in linked]
    try:
        loops = find_loops(n, [each.ends for each in linked], back)
    except LoopFault as fault:
        each = linked[fault.edge]
        faults.error(pointer("edges", each.index, "loop"), _told(draft, each, fault))
        return
    for number, each in enumerate(each for each in linked if each.edge.loop is not None):
        depth, around = 1, loops.loops[number].parent
        while around >= 0:
            depth, around = depth + 1, loops.loops[around].parent
        if depth > MAX_DEPTH:
            at = pointer("edges", each.index, "loop")
            faults.error(at, f"loops are nested {depth} deep; the limit is {MAX_DEPTH}")
            return
    draft.loops = loops


def _told(draft: Draft, each: EdgeDraft, fault: LoopFault) -> str:
    source, header = each.edge.source, each.edge.target
    other = draft.nodes[fault.nodes[0]].node.id
    match fault.reason:
        case "backless":
            return (
                f"no edges lead from '{header}' to '{source}', so there is nothing to run again: "
                "a back edge leads to a node before its source"
            )
        case "entered":
            return (
                f"the loop from '{header}' to '{source}' can also be entered at '{other}': let "
                f"every way into it lead through '{header}'"
            )
        case "shared":
            return f"two back edges leave '{source}': put a join node behind it for the second"
        case _:
            return (
                f"the loop from '{header}' to '{source}' overlaps another one at '{other}': loops "
                "lie apart or one inside the other"
            )
