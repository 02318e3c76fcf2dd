"""Which parts of the context an expression reads."""

from __future__ import annotations

from dataclasses import dataclass

from .paths import Path
from .syntax import Call, Const, Fold, Ident, Literal, Node, Select, Tree

ROOTS = frozenset({"inputs", "nodes", "output", "run", "item", "index", "iteration", "secrets"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One chain of constant selections that starts at a root.

    `dynamic`: the chain goes on with an index that is only known at evaluation.
    """

    path: Path
    offset: int
    dynamic: bool = False


def find_references(tree: Tree) -> tuple[Reference, ...]:
    """Every read of a root, in source order; variables of macros are no roots."""
    found: list[Reference] = []
    _visit(tree.root, frozenset(), tree, found)
    return tuple(sorted(set(found), key=lambda ref: (ref.offset, ref.path, ref.dynamic)))


def plain_path(tree: Tree) -> Path | None:
    """The path if the whole expression is one selection such as `nodes.a.output`, else None."""
    node: Node = tree.root
    if isinstance(node, Select) and node.test_only:
        return None
    return _chain(node, frozenset())


def selection(node: Node) -> tuple[Node, str] | None:
    """Operand and name, if the node is `a.b` or `a["b"]`."""
    if isinstance(node, Select):
        return node.operand, node.field
    if isinstance(node, Call) and node.function == "_[_]":
        operand, key = node.args
        if isinstance(key, Const) and key.value is not None:
            return operand, key.value
    return None


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside; for a Fold only what is outside its variables' scope."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.args
        case Literal():
            return node.items
        case Fold():
            return (node.range, node.init)
        case _:
            return ()


def _chain(node: Node, bound: frozenset[str]) -> Path | None:
    names: list[str] = []
    while (step := selection(node)) is not None:
        node, name = step
        names.append(name)
    if not isinstance(node, Ident) or node.name in bound:
        return None
    root = node.name.removeprefix(".")
    return (root, *reversed(names)) if root in ROOTS else None


def _visit(node: Node, bound: frozenset[str], tree: Tree, found: list[Reference]) -> None:
    path = _chain(node, bound)
    if path is not None:
        found.append(Reference(path, _start(node, tree)))
        return
    if isinstance(node, Call) and node.function == "_[_]":
        owner = _chain(node.args[0], bound)
        if owner is not None:
            found.append(Reference(owner, _start(node.args[0], tree), dynamic=True))
            _visit(node.args[1], bound, tree, found)
            return
    for child in children(node):
        _visit(child, bound, tree, found)
    if isinstance(node, Fold):
        _visit_fold(node, bound, tree, found)


def _visit_fold(node: Fold, bound: frozenset[str], tree: Tree, found: list[Reference]) -> None:
    inside = bound | {node.accumulator}
    _visit(node.result, inside, tree, found)
    inside |= set(node.variables)
    _visit(node.condition, inside, tree, found)
    _visit(node.step, inside, tree, found)


def _start(node: Node, tree: Tree) -> int:
    """Offset of the chain's root; a select's own position is that of its dot."""
    while (step := selection(node)) is not None:
        node = step[0]
    return tree.offsets.get(node.id, 0)
