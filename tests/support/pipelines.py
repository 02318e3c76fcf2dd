"""What the steps of a pipeline must hand on, and whether they ran in the order of its edges."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from examples.pipelines.nodes import fingerprint

Json = Mapping[str, Any]


def predecessors(document: Json) -> dict[str, list[str]]:
    """Of every node, the nodes that its edges come from, in the order of the edges."""
    found: dict[str, list[str]] = {node["id"]: [] for node in document["nodes"]}
    for edge in document["edges"]:
        found[edge["to"]].append(edge["from"])
    return found


def expected_outputs(document: Json) -> dict[str, str]:
    """Of a pipeline whose steps hand on fingerprints of all that they follow."""
    results: dict[str, str] = {}
    for node, before in predecessors(document).items():
        results[node] = fingerprint(node, [results[each] for each in before])
    return {name: results[name] for name in document["outputs"]}


def assert_ordered(document: Json, moments: Iterable[tuple[str, str]]) -> None:
    """`moments` are (node, "began" or "ended"), as they happened: every node begins once, after
    all its predecessors ended, and ends once, after it began."""
    before = predecessors(document)
    count: Counter[tuple[str, str]] = Counter()
    ended: set[str] = set()
    missing: dict[str, set[str]] = defaultdict(set)
    for node, moment in moments:
        count[node, moment] += 1
        if moment == "began":
            missing[node] |= set(before[node]) - ended
        else:
            assert count[node, "began"], f"{node} ended before it began"
            ended.add(node)
    early = {node: ids for node, ids in missing.items() if ids}
    assert not early, f"began before what they follow: {early}"
    wanted = Counter({(node, moment): 1 for node in before for moment in ("began", "ended")})
    assert not (wanted - count), f"missing: {wanted - count}"
    assert not (count - wanted), f"too many: {count - wanted}"
