"""Graphs in the shapes of scientific pipelines: through both routers, in the right order, once.

The world around a run is drawn from a seed: which of the dispatched steps end next, how many of
them in one transition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from examples.pipelines.nodes import job
from examples.pipelines.shapes import JOB, SHAPES, main, pipeline
from minuet.ir import reference
from minuet.ir.advance import DEFAULT_LIMITS, advance
from minuet.ir.builtin import builtin_node_types
from minuet.ir.compile import compile_document
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Limits, RunInput, Transition
from minuet.model.node_type import NodeType
from minuet.model.signal import Continue, Start
from minuet.model.status import RunStatus
from minuet.model.token import Outcome
from minuet.testing import Harness
from tests.support.pipelines import assert_ordered, expected_outputs, predecessors

RUN = "0-r"
TYPES = {**builtin_node_types(), JOB: NodeType(name=JOB, ports=None)}
START = Start(RUN, "t", "d", "pipeline", accepted_at=0)
Json = dict[str, Any]


def plain(document: Json) -> Json:
    """The graph alone, without what its steps read of each other: compiles in a tenth of the
    time."""
    nodes = [{"id": node["id"], "type": JOB} for node in document["nodes"]]
    settings = {**document["settings"], "max_parallel": 10_000}
    return {**document, "nodes": nodes, "outputs": {}, "settings": settings}


class World:
    """One run, or two side by side that must agree on every transition."""

    def __init__(self, document: Json, *, judged: bool, limits: Limits = DEFAULT_LIMITS) -> None:
        compiled = compile_document(document, TYPES)
        assert compiled.ir is not None, compiled.diagnostics[:3]
        plans = [Plan(compiled.ir, "d")]
        if judged:
            plans.append(Plan(compiled.ir, "d", reference.Router))  # type: ignore[arg-type]
        self.runs = [RunState(plan, START) for plan in plans]
        self.limits = limits
        self.moments: list[tuple[str, str]] = []
        self.skipped: set[str] = set()
        self.live: list[str] = []
        self.more = False

    def apply(self, inputs: Sequence[RunInput]) -> Transition:
        """Ends before starts: so they stand in what the run tells."""
        found, *others = [advance(run, inputs, 0, self.limits) for run in self.runs]
        assert all(each == found for each in others)
        for event in found.events:
            if event.type == "node.ready" and not event.data.get("held"):
                self.moments.append((str(event.node), "began"))
            elif event.type == "node.ended":
                self._end(str(event.node), event.data["status"])
        self.live += [token.id.split("/")[1] for token in found.tokens]
        self.more = found.more
        return found

    def _end(self, node: str, status: str) -> None:
        if status == "skipped":
            self.skipped.add(node)
        else:
            self.moments.append((node, "ended"))

    def complete(self, nodes: Sequence[str]) -> Transition:
        gone = set(nodes)
        self.live = [node for node in self.live if node not in gone]
        more = [Continue(RUN)] if self.more else []
        return self.apply([*(Completion(node, 1, 1, Outcome()) for node in nodes), *more])

    def run_to_the_end(self, random: Random, most: int) -> None:
        self.apply([START])
        while not self.runs[0].status.ended:
            assert self.live or self.more
            count = random.randint(0 if self.more else 1, most)
            self.complete(random.sample(self.live, min(count, len(self.live))))
        assert self.runs[0].status is RunStatus.SUCCEEDED
        assert self.runs[0].counter == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nodes", [100, 499, 500, 1_000, 1_001, 10_000])
def test_shapes_have_the_size_asked_for(shape: str, nodes: int) -> None:
    document = pipeline(shape, nodes)
    ids = [node["id"] for node in document["nodes"]]
    assert len(ids) == len(set(ids))
    assert nodes - 3 <= len(ids) <= nodes
    assert (shape == "epigenomics") or len(ids) == nodes
    place = {id: i for i, id in enumerate(ids)}
    assert all(place[edge["from"]] < place[edge["to"]] for edge in document["edges"])
    pairs = Counter((edge["from"], edge["to"]) for edge in document["edges"])
    assert set(pairs.values()) == {1}


def test_a_seed_gives_the_same_pipeline_again() -> None:
    for shape in SHAPES:
        first, again, other = (pipeline(shape, 300, seed=seed, ms=5) for seed in (1, 1, 2))
        assert first == again
        assert first != other


def test_large_pipelines_have_joins_of_a_thousand_edges() -> None:
    for shape in SHAPES:
        before = predecessors(pipeline(shape, 10_000))
        assert max(map(len, before.values())) >= 1_000


@pytest.mark.parametrize("nodes", [99, 10_001])
def test_sizes_out_of_reach_are_refused(nodes: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["montage", "--nodes", str(nodes)])
    assert "nodes must be from 100 to 10000" in capsys.readouterr().err


@pytest.mark.parametrize("shape", SHAPES)
def test_steps_run_once_and_in_order_in_both_routers(shape: str) -> None:
    document = pipeline(shape, 1_000)
    world = World(plain(document), judged=True)
    world.run_to_the_end(Random(shape), most=40)
    assert_ordered(document, world.moments)


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_thousand_steps_run_once_and_in_order(shape: str) -> None:
    """In batches as the coordinator takes them, with its bound on tokens of a commit."""
    document = pipeline(shape, 10_000)
    world = World(plain(document), judged=False, limits=Limits(tokens=500))
    world.run_to_the_end(Random(shape), most=512)
    assert_ordered(document, world.moments)


@pytest.mark.parametrize("nodes", [1_001, 10_000])
def test_a_join_comes_about_in_the_transition_that_ends_its_last_predecessor(nodes: int) -> None:
    world = World(plain(pipeline("seismology", nodes)), judged=nodes < 2_000)
    world.apply([START])
    while world.more:
        world.complete([])
    *most, last = list(world.live)
    assert len(most) == nodes - 2
    assert world.complete(most[:1]).tokens == []
    assert world.complete(most[1:]).tokens == []
    assert [token.id for token in world.complete([last]).tokens] == [f"{RUN}/sift/1/1"]


def test_a_join_of_a_thousand_edges_takes_one_transition() -> None:
    world = World(plain(pipeline("seismology", 1_001)), judged=True)
    world.apply([START])
    found = world.complete(world.live)
    assert [token.id for token in found.tokens] == [f"{RUN}/sift/1/1"]
    assert [event.type for event in found.events] == ["node.ended"] * 1_000 + ["node.ready"]
    assert found.more is False


@pytest.mark.parametrize("shape", SHAPES)
def test_only_edges_that_are_taken_are_waited_for(shape: str) -> None:
    """One edge in ten is not taken: what nothing leads to is skipped, and a step that some edges
    lead to runs after what those come from."""
    random = Random(shape)
    document = plain(pipeline(shape, 1_000))
    for edge in document["edges"]:
        if random.random() < 0.1:
            edge["when"] = "false"
    world = World(document, judged=True)
    world.run_to_the_end(random, most=40)
    runs = _reached(document)
    assert world.skipped == {node["id"] for node in document["nodes"]} - runs
    assert_ordered(_taken(document, runs), world.moments)


def _reached(document: Json) -> set[str]:
    """Nodes without edges into them, and those that a taken edge leads to from one that runs."""
    into = predecessors(document)
    taken = predecessors({**document, "edges": _taken_edges(document)})
    runs: set[str] = set()
    for node in into:
        if not into[node] or runs & set(taken[node]):
            runs.add(node)
    return runs


def _taken_edges(document: Json) -> list[Json]:
    return [edge for edge in document["edges"] if "when" not in edge]


def _taken(document: Json, runs: set[str]) -> Json:
    nodes = [node for node in document["nodes"] if node["id"] in runs]
    edges = [edge for edge in _taken_edges(document) if edge["from"] in runs]
    return {"nodes": nodes, "edges": edges}


@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_travel_over_every_edge(shape: str) -> None:
    document = pipeline(shape, 300)
    run = Harness(document).use(job).run()
    assert (run.status, run.outputs) == ("succeeded", expected_outputs(document))
