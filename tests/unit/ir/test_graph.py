"""Graph algorithms against their definitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minuet.ir.graph import ancestors, components, find_cycle, reachable, topological_order

SIZE = 7
graphs = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), max_size=14)


def paths(edges: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """(a, b) for every path of at least one edge, by repeated joining."""
    closure = set(edges)
    while True:
        longer = closure | {(a, d) for a, b in closure for c, d in edges if b == c}
        if longer == closure:
            return closure
        closure = longer


@given(graphs)
def test_ancestors_are_the_nodes_with_a_path(edges: list[tuple[int, int]]) -> None:
    closure = paths(edges)
    for node, bits in enumerate(ancestors(SIZE, edges)):
        assert {i for i in range(SIZE) if bits >> i & 1} == {a for a, b in closure if b == node}


@given(graphs)
def test_components_are_the_nodes_that_reach_each_other(edges: list[tuple[int, int]]) -> None:
    closure, found = paths(edges), components(SIZE, edges)
    assert sorted(node for group in found for node in group) == list(range(SIZE))
    for group in found:
        for a in group:
            mutual = {b for b in range(SIZE) if (a, b) in closure and (b, a) in closure}
            assert set(group) == mutual | {a}
    place = {node: i for i, group in enumerate(found) for node in group}
    assert all(place[target] <= place[source] for source, target in edges)


@given(graphs)
def test_a_found_cycle_follows_edges(edges: list[tuple[int, int]]) -> None:
    for group in components(SIZE, edges):
        if len(group) > 1:
            cycle = find_cycle(group, edges)
            assert cycle[0] == group[0]
            assert len(set(cycle)) == len(cycle) > 1
            assert all(pair in edges for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


@given(graphs)
def test_order_holds_all_that_no_cycle_feeds(edges: list[tuple[int, int]]) -> None:
    closure, order = paths(edges), topological_order(SIZE, edges)
    cyclic = {a for a, b in closure if a == b}
    fed = cyclic | {b for a, b in closure if a in cyclic}
    assert sorted(order) == sorted(set(range(SIZE)) - fed)
    place = {node: i for i, node in enumerate(order)}
    assert all(place[a] < place[b] for a, b in edges if b in place)


@given(graphs)
def test_reachable_means_from_a_first_node(edges: list[tuple[int, int]]) -> None:
    first = set(range(SIZE)) - {b for _, b in edges}
    wanted = first | {b for a, b in paths(edges) if a in first}
    assert {i for i, seen in enumerate(reachable(SIZE, edges)) if seen} == wanted


def test_long_chains_do_not_recurse() -> None:
    edges = [(i, i + 1) for i in range(9_999)]
    assert topological_order(10_000, edges) == list(range(10_000))
    assert len(components(10_000, [*edges, (9_999, 0)])) == 1
    assert find_cycle(list(range(10_000)), [*edges, (9_999, 0)]) == list(range(10_000))
