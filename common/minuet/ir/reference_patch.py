"""The patcher in plain Python: obvious, and the judge of the compiled one.

Same interface as `patcher.pyx`; `minuet.ir.materialise` chooses. Where the compiled patcher keeps
an index of node ids, this one looks through the nodes each time.
"""

from __future__ import annotations

import re
from typing import Any

from .patch_operation import MISSING, Refused, Tokens, shown

_INDEX = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_COMPILED = False


def is_compiled() -> bool:
    """Whether this module is the compiled patcher."""
    return _COMPILED


class Patcher:
    """One document under change. The one that was given is never written to: each container on a
    changed path is copied at its first change, everything else is shared.

    `owned` holds these copies by identity. A container is owned only if its parent is: that is
    why whatever comes to stand in a second place must be disowned first.
    Every method may raise Refused; what was changed until then stays changed, so drop the patcher.
    """

    def __init__(self, document: Any) -> None:
        self.root = document
        self._owned: dict[int, Any] = {}

    def concrete(self, path: Tokens) -> Tokens:
        """The path with `/nodes/by-id/<id>` as `/nodes/<index>` and a last `-` as an index."""
        if len(path) > 2 and path[0] == "nodes" and path[1] == "by-id":
            nodes = self.root.get("nodes") if isinstance(self.root, dict) else None
            if isinstance(nodes, list):
                path = ("nodes", str(_position(nodes, path[2])), *path[3:])
        if path and path[-1] == "-":
            parent = self._walk(path[:-1])
            if isinstance(parent, list):
                path = (*path[:-1], str(len(parent)))
        return path

    def get(self, path: Tokens) -> Any:
        """The value at `path`."""
        return self._walk(self.concrete(path))

    def add(self, path: Tokens, value: Any) -> Any:
        """Insert into a list, set in an object, replace the whole; the replaced or MISSING."""
        if not path:
            return self._replace_root(value)
        path = self.concrete(path)
        parent = self._writable(path[:-1])
        if isinstance(parent, dict):
            old = parent.get(path[-1], MISSING)
            parent[path[-1]] = value
            return old
        parent.insert(_index(path[-1], len(parent) + 1), value)
        return MISSING

    def remove(self, path: Tokens) -> Any:
        """Take the value out; it is returned."""
        if not path:
            raise Refused("the whole document cannot be removed")
        path = self.concrete(path)
        parent = self._writable(path[:-1])
        return parent.pop(_key(parent, path[-1]))

    def replace(self, path: Tokens, value: Any) -> Any:
        """Put another value where one is; the old one is returned."""
        if not path:
            return self._replace_root(value)
        path = self.concrete(path)
        parent = self._writable(path[:-1])
        key = _key(parent, path[-1])
        old, parent[key] = parent[key], value
        return old

    def disown(self, value: Any) -> None:
        """The value is about to stand in a second place: its next change must copy it."""
        if self._owned.pop(id(value), None) is not None:
            for child in value.values() if isinstance(value, dict) else value:
                self.disown(child)

    def _replace_root(self, value: Any) -> Any:
        old, self.root = self.root, value
        return old

    def _walk(self, path: Tokens) -> Any:
        value = self.root
        for token in path:
            value = value[_key(value, token)]
        return value

    def _writable(self, path: Tokens) -> Any:
        """The container at `path`, it and all above it copied."""
        self.root = container = self._own(self.root)
        for token in path:
            key = _key(container, token)
            container[key] = container = self._own(container[key])
        return container

    def _own(self, container: Any) -> Any:
        if id(container) in self._owned:
            return container
        if not isinstance(container, dict | list):
            raise _no_container(container)
        copy = container.copy()
        self._owned[id(copy)] = copy
        return copy


def same(left: Any, right: Any) -> bool:
    """Equality as RFC 6902 section 4.6 wants it: numbers by value, and true is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _key(container: Any, token: str) -> Any:
    """Key or index of something that is there."""
    if isinstance(container, dict):
        if token not in container:
            raise Refused(f"there is no member {shown(token)}")
        return token
    if isinstance(container, list):
        return _index(token, len(container))
    raise _no_container(container)


def _index(token: str, length: int) -> int:
    if not _INDEX.fullmatch(token):
        raise Refused(f"{shown(token)} is no array index")
    if len(token) > 18 or int(token) >= length:
        raise Refused(f"index {shown(token)} is outside the array")
    return int(token)


def _position(nodes: list[Any], node: str) -> int:
    for position, each in enumerate(nodes):
        if isinstance(each, dict) and each.get("id") == node:
            return position
    raise Refused(f"there is no node with id {shown(node)}")


def _no_container(value: Any) -> Refused:
    return Refused(f"{shown(value)} has no members")
