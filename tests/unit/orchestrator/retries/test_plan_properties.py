"""Laws of retries over random graphs: a retry ends as a fresh run would, and runs less."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from minuet.model.status import NodeStatus

from .play import Json, Played, compiled, document, fails, kept_of, play

IDS = [f"n{i}" for i in range(7)]


@st.composite
def graphs(draw: st.DrawFn, *, joins: bool = False) -> Json:
    """Forward edges, some of them conditional or on errors; at most one loop."""
    nodes: list[Json] = [{"id": id} for id in IDS]
    for node in nodes:
        if draw(st.integers(0, 5)) == 0:
            node["on_error"] = "continue"
        if joins:
            node["join"] = draw(st.sampled_from(["all", "any"]))
    edges: list[Json] = []
    for target in range(1, len(IDS)):
        for source in draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=2)):
            edge: Json = {"from": IDS[source], "to": IDS[target]}
            kind = draw(st.sampled_from(["plain", "plain", "plain", "when", "error"]))
            if kind == "when":
                edge["when"] = f"output.gen > {draw(st.integers(0, 1))}"
            elif kind == "error":
                edge["on"] = "error"
            edges.append(edge)
    made = document(nodes, edges)
    looped = document(nodes, [*edges, _back_edge(draw)])
    return looped if draw(st.booleans()) and _compiles(looped) else made


def _back_edge(draw: st.DrawFn) -> Json:
    header = draw(st.integers(0, len(IDS) - 2))
    source = draw(st.integers(header, len(IDS) - 1))
    condition = draw(st.sampled_from(["output.gen < 2", "iteration < 1"]))
    loop = {"while": condition, "max_iterations": 3}
    return {"from": IDS[source], "to": IDS[header], "loop": loop}


def _compiles(document: Json) -> bool:
    try:
        compiled(document)
    except AssertionError:
        return False
    return True


def how_ended(played: Played) -> dict[str, Any]:
    cells = [played.state.frontier.cell(node.index) for node in played.plan.nodes]
    statuses = [NodeStatus(cell[0]).word for cell in cells]
    return dict(zip([node.id for node in played.plan.nodes], statuses, strict=True))


FAILING = st.sets(st.sampled_from(IDS), max_size=2)


@given(graphs(), FAILING)
def test_a_healed_retry_ends_as_a_run_that_never_failed(doc: Json, failing: set[str]) -> None:
    failed, fresh = play(doc, fails(*failing)), play(doc)
    made = failed.retry()
    healed = play(doc, kept=kept_of(failed.past, made))
    assert not set(made.kept) & set(healed.executed)
    assert healed.state.status is fresh.state.status
    assert how_ended(healed) == how_ended(fresh)
    assert len(healed.executed) <= len(fresh.executed)


@given(graphs(joins=True), FAILING, st.sampled_from([*IDS, None]))
def test_nothing_that_is_kept_runs_and_every_node_is_accounted_for(
    doc: Json, failing: set[str], from_node: str | None
) -> None:
    failed = play(doc, fails(*failing))
    made = failed.retry(from_node=from_node)
    again = {each.node for each in made.again}
    assert again | set(made.kept) == set(IDS)
    assert not again & set(made.kept)
    assert from_node is None or from_node in again
    replayed = play(doc, kept=kept_of(failed.past, made))
    assert replayed.state.status.ended
    assert set(replayed.executed) <= again
