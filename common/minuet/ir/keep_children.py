"""What the nodes of a live run go on running when its document changes."""

from __future__ import annotations

import msgspec

from minuet.model.ir import Ir, IrNode


def keep_children(old: Ir, new: Ir) -> Ir:
    """`new`, whose nodes run what they ran in `old` where their config is the same: the latest
    version of a workflow is looked up when a run starts, and not again with each patch of it."""
    before = {node.id: node for node in old.nodes if node.child is not None}
    if not before:
        return new
    nodes = [_kept(before.get(node.id), node) for node in new.nodes]
    return msgspec.structs.replace(new, nodes=nodes)


def _kept(old: IrNode | None, node: IrNode) -> IrNode:
    if old is None or (old.type, bytes(old.config)) != (node.type, bytes(node.config)):
        return node
    return msgspec.structs.replace(node, child=old.child)
