"""Graph algorithms over node numbers 0..n-1. Pure, iterative (no recursion limit), deterministic.

`edges` is a list of (source, target); parallel edges and self edges are allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

Edges = Sequence[tuple[int, int]]


def successors(n: int, edges: Edges) -> list[list[int]]:
    """Targets of each node, in edge order."""
    targets: list[list[int]] = [[] for _ in range(n)]
    for source, target in edges:
        targets[source].append(target)
    return targets


def topological_order(n: int, edges: Edges) -> list[int]:
    """Nodes in topological order, ties by number; nodes in or behind a cycle are left out.

    O((n + m) log n). Source: Kahn 1962, with a heap for the ties.
    """
    targets, waiting = successors(n, edges), [0] * n
    for _, target in edges:
        waiting[target] += 1
    free = [node for node in range(n) if not waiting[node]]
    heapify(free)
    order = []
    while free:
        node = heappop(free)
        order.append(node)
        for target in targets[node]:
            waiting[target] -= 1
            if not waiting[target]:
                heappush(free, target)
    return order


def components(n: int, edges: Edges) -> list[list[int]]:
    """Strongly connected components, each sorted, every component after those that it leads to.

    O(n + m). Source: Tarjan 1972, with an explicit stack.
    """
    targets = successors(n, edges)
    index, low = [-1] * n, [0] * n
    on_stack, stack = bytearray(n), list[int]()
    found, count = list[list[int]](), 0
    for root in range(n):
        if index[root] >= 0:
            continue
        calls = [(root, 0)]
        while calls:
            node, position = calls.pop()
            if position == 0:
                index[node] = low[node] = count
                count += 1
                stack.append(node)
                on_stack[node] = 1
            else:
                low[node] = min(low[node], low[targets[node][position - 1]])
            position = _advance(targets[node], position, index, on_stack, low, node)
            if position <= len(targets[node]):
                calls.append((node, position))
                calls.append((targets[node][position - 1], 0))
            elif low[node] == index[node]:
                found.append(_pop_component(stack, on_stack, node))
    return found


def _advance(
    targets: list[int], position: int, index: list[int], on_stack: bytearray, low: list[int],
    node: int,
) -> int:  # fmt: skip
    """Skip targets that were seen; the position after the next unseen one, or len + 1."""
    while position < len(targets):
        target = targets[position]
        position += 1
        if index[target] < 0:
            return position
        if on_stack[target]:
            low[node] = min(low[node], index[target])
    return len(targets) + 1


def _pop_component(stack: list[int], on_stack: bytearray, root: int) -> list[int]:
    component = []
    while True:
        node = stack.pop()
        on_stack[node] = 0
        component.append(node)
        if node == root:
            return sorted(component)


def find_cycle(component: Sequence[int], edges: Edges) -> list[int]:
    """One shortest cycle through the component's first node, as nodes in order, not repeated.

    `component` must be strongly connected and have more than one node.
    """
    start, members = component[0], set(component)
    targets: dict[int, list[int]] = {node: [] for node in component}
    for source, target in edges:
        if source in members and target in members:
            targets[source].append(target)
    came_from, layer = {start: start}, [start]
    while layer:
        following = []
        for node in layer:
            if start in targets[node] and node != start:
                return _walk_back(came_from, node)
            for target in targets[node]:
                if target not in came_from:
                    came_from[target] = node
                    following.append(target)
        layer = following
    raise ValueError("the component is not strongly connected")


def _walk_back(came_from: dict[int, int], node: int) -> list[int]:
    path = [node]
    while came_from[node] != node:
        node = came_from[node]
        path.append(node)
    return path[::-1]


def reachable(n: int, edges: Edges) -> bytearray:
    """1 for every node that can be reached from a node without incoming edges (or is one)."""
    targets, seen = successors(n, edges), bytearray([1]) * n
    for _, target in edges:
        seen[target] = 0
    todo = [node for node in range(n) if seen[node]]
    while todo:
        for target in targets[todo.pop()]:
            if not seen[target]:
                seen[target] = 1
                todo.append(target)
    return seen


def ancestors(n: int, edges: Edges) -> list[int]:
    """For each node the bit set (bit i = node i) of the nodes from which a path leads to it.

    A node in a cycle counts as its own ancestor. O(m n / 64) and up to n²/8 bytes: for 10,000
    nodes 12 MB; ask only when needed.
    """
    groups = components(n, edges)[::-1]
    group_of = [0] * n
    for number, group in enumerate(groups):
        for node in group:
            group_of[node] = number
    sources: list[set[int]] = [set() for _ in groups]
    cyclic = [len(group) > 1 for group in groups]
    for source, target in edges:
        sources[group_of[target]].add(group_of[source])
        cyclic[group_of[target]] |= source == target
    above, inside = [0] * len(groups), [0] * len(groups)
    for number, group in enumerate(groups):
        for node in group:
            inside[number] |= 1 << node
        for source in sources[number]:
            above[number] |= above[source] | inside[source]
        if cyclic[number]:
            above[number] |= inside[number]
    return [above[group_of[node]] for node in range(n)]
