"""The IR of sound documents, and the laws of compile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.ir.compile import compile_document, validate_inputs
from minuet.model.canonical import canonical_json, digest
from minuet.model.errors import InvalidDocument, InvalidInputs
from minuet.model.ir import Ir, IrEdge, IrRetry
from minuet.model.node_type import NodeType

Document = dict[str, Any]
TYPES = {"task": NodeType(name="task")}


def document(nodes: list[Document], edges: list[Document], **more: Any) -> Document:
    return {"apiVersion": "minuet/v1", "name": "w", "nodes": nodes, "edges": edges, **more}


def compiled(nodes: list[Document], edges: list[Document], **more: Any) -> Ir:
    return compile_document(
        document(nodes, edges, **more), {"task": NodeType(name="task")}
    ).require()


def node(name: str, kind: str = "join", **more: Any) -> Document:
    return {"id": name, "type": kind, **more}


def edge(source: str, target: str, **more: Any) -> Document:
    return {"from": source, "to": target, **more}


def test_nodes_stand_in_topological_order_with_ties_by_document_order() -> None:
    ir = compiled(
        [node("d"), node("c"), node("b"), node("a")],
        [edge("a", "d"), edge("b", "d"), edge("c", "b")],
    )
    assert [each.id for each in ir.nodes] == ["c", "b", "a", "d"]
    assert ir.edges == [IrEdge(2, 3), IrEdge(1, 3), IrEdge(0, 1)]


def test_reads_are_the_minimal_paths_of_the_config() -> None:
    ir = compiled(
        [
            node("a", "task"),
            node("b", "task", config={
                "x": ["${nodes.a.output.z.y}", "${nodes.a.output.z}", "${inputs['a-b']}"],
                "k": "${secrets.key}", "i": "${iteration}",
            }),
        ],
        [edge("a", "b")],
    )  # fmt: skip
    assert ir.nodes[1].reads == ['inputs["a-b"]', "iteration", "nodes.a.output.z", "secrets.key"]
    assert ir.nodes[0].returns == []
    assert ir.input_reads == []


def test_returns_are_what_edges_inline_nodes_and_outputs_read() -> None:
    ir = compiled(
        [
            node("a", "task"),
            node("b", "transform", config={"value": "${nodes.a.output.b.c} ${inputs.p.q}"}),
            node("c", "branch", config={
                "cases": [{"when": "nodes.a.output.case && inputs.r", "port": "p"}], "default": "q",
            }),
            node("d", "task", config={"x": "${nodes.a.output.task_only}"}),
        ],
        [
            edge("a", "b", when="output.e > 1 && inputs.p == 3"),
            edge("a", "c"),
            edge("b", "d", when="nodes.a.output.f"),
        ],
        outputs={"g": "${nodes.a.output.b}", "h": "${nodes.d.output}"},
    )  # fmt: skip
    by_id = {each.id: each for each in ir.nodes}
    assert by_id["a"].returns == ["output.b", "output.case", "output.e", "output.f"]
    assert by_id["c"].reads == ["inputs.r", "nodes.a.output.case"]
    assert by_id["d"].returns == ["output"]
    assert ir.output_reads == ["nodes.a.output.b", "nodes.d.output"]
    assert ir.input_reads == ["inputs.p", "inputs.r"]


def test_times_retries_and_joins_are_resolved() -> None:
    ir = compiled(
        [
            node("a", "task", timeout="1m", retry={"max_attempts": 4, "initial": "250ms"}),
            node("b", "task", join="any", on_error="continue"),
            node("c", "task", join=2),
        ],
        [edge("a", "b"), edge("a", "c"), edge("b", "c")],
        settings={"deadline": "1h", "max_parallel": 7},
    )
    a, b, c = ir.nodes
    assert (a.timeout_ms, a.retry) == (60_000, IrRetry(4, 250, 2.0, 60_000))
    assert (a.join, b.join, c.join) == (0, 1, 2)
    assert (a.on_error_continue, b.on_error_continue) == (False, True)
    assert (ir.deadline_ms, ir.max_parallel) == (3_600_000, 7)


def test_effect_and_kind_come_from_the_type() -> None:
    types = {"once": NodeType(name="once", effect="once", timeout_ms=5)}
    ir = compile_document(
        document(
            [node("a", "once"), node("b", "nobody", config={"x": "${inputs.y}"}), node("c")], []
        ),
        types,
    ).require()
    assert [(n.effect, n.inline, n.unknown, n.timeout_ms) for n in ir.nodes] == [
        ("once", False, False, 5),
        ("idempotent", False, True, 60_000),
        ("pure", True, False, 60_000),
    ]
    assert ir.nodes[1].reads == []


def test_edges_between_the_same_nodes_on_different_ports_are_kept() -> None:
    ir = compiled([node("a"), node("b")], [edge("a", "b"), edge("a", "b", on="error")])
    assert [each.on for each in ir.edges] == ["success", "error"]


def test_require_raises_with_all_diagnostics() -> None:
    result = compile_document(document([node("a", join=2)], [edge("a", "x")]), {})
    with pytest.raises(InvalidDocument) as caught:
        result.require()
    assert caught.value.diagnostics == result.diagnostics
    assert len(result.diagnostics) == 2


# -- laws -----------------------------------------------------------------------------------------


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Acyclic documents of every construct."""
    count = draw(st.integers(1, 12))
    nodes, edges = [], []
    for i in range(count):
        sources = sorted(draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else []
        read = f"nodes.n{sources[0]}.output.v" if sources else "inputs.v"
        kind = draw(st.sampled_from(["join", "transform", "branch", "wait", "http", "task"]))
        configs: dict[str, Document] = {
            "join": {},
            "transform": {"value": {"x": f"${{{read}}}", "ui": 1}},
            "branch": {
                "cases": [{"when": f"{read} == 1", "port": "success"}],
                "default": "success",
            },
            "wait": {"for": "10ms"},
            "http": {"url": f"https://example.com/${{{read}}}"},
            "task": {"any": [f"${{{read}}}"]},
        }
        nodes.append(
            node(f"n{i}", kind, config=configs[kind], title=draw(st.text("ab", max_size=3)))
        )
        for source in sources:
            when: Document = {"when": "output.ok == true"} if draw(st.booleans()) else {}
            edges.append(edge(f"n{source}", f"n{i}", **when))
    order = draw(st.permutations(range(count)))
    return document(
        [nodes[i] for i in order], draw(st.permutations(edges)), outputs={"o": "${nodes.n0.output}"}
    )


def shuffled(value: Any) -> Any:
    """The same value with the keys of every object in reverse order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(documents())
def test_sound_documents_compile_to_an_ir_in_order(source: Document) -> None:
    result = compile_document(source, TYPES)
    ir = result.require()
    assert all(each.source < each.target for each in ir.edges)
    assert [(ir.nodes[e.source].id, ir.nodes[e.target].id) for e in ir.edges] == [
        (e["from"], e["to"]) for e in source["edges"]
    ]
    assert sorted(each.id for each in ir.nodes) == sorted(each["id"] for each in source["nodes"])
    again = msgspec.json.decode(result.ir_json(), type=Ir)
    assert canonical_json(again) == result.ir_json()


@settings(deadline=None)
@given(documents())
def test_digest_ignores_ui_and_key_order_and_nothing_else(source: Document) -> None:
    plain = compile_document(source, TYPES)
    drawn = shuffled(source)
    drawn["ui"] = {"zoom": 2}
    drawn["nodes"][0]["ui"] = {"x": 1, "y": 2}
    other = compile_document(drawn, TYPES)
    assert (other.digest, other.ir_json()) == (plain.digest, plain.ir_json())
    drawn["nodes"][0]["title"] = "another"
    assert compile_document(drawn, TYPES).digest != plain.digest


@settings(deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_order_of_edges_changes_only_their_order(source: Document, random: Any) -> None:
    edges = list(source["edges"])
    random.shuffle(edges)
    first = compile_document(source, TYPES).require()
    second = compile_document({**source, "edges": edges}, TYPES).require()
    assert first.nodes == second.nodes or canonical_json(first.nodes) == canonical_json(
        second.nodes
    )
    key = canonical_json
    assert sorted(map(key, first.edges)) == sorted(map(key, second.edges))


@settings(deadline=None)
@given(documents(), st.data())
def test_a_closing_edge_is_always_reported_as_a_cycle(
    source: Document, data: st.DataObject
) -> None:
    if not source["edges"]:
        return
    back = data.draw(st.sampled_from(source["edges"]))
    source["edges"].append(edge(back["to"], back["from"]))
    found = compile_document(source, TYPES).diagnostics
    assert any("cycle" in each.message for each in found)


PROBE = """
import json, sys
from minuet.model.canonical import digest
from minuet.ir.compile import compile_document
c = compile_document(json.load(sys.stdin), {})
print(c.digest, digest(c.ir_json()))
"""


def test_digests_do_not_depend_on_the_hash_seed() -> None:
    config = {"value": {k: f"${{inputs.{k}}}" for k in "abcdef"}}
    source = document(
        [node(f"n{i}", "transform", config=config) for i in range(20)],
        [edge(f"n{i}", f"n{j}") for i in range(20) for j in range(i)],
        outputs={f"{k}{i}": f"${{nodes.n{i}.output.{k}}}" for i in range(20) for k in "abc"},
    )
    here = compile_document(source, {})
    wanted = f"{here.digest} {digest(here.ir_json())}"
    for seed in ("0", "1", "42"):
        answer = subprocess.run(
            [sys.executable, "-c", PROBE], input=json.dumps(source), text=True, check=True,
            capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert answer.stdout.strip() == wanted


# -- inputs ---------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "required": ["domain"],
    "additionalProperties": False,
    "properties": {
        "domain": {"type": "string"},
        "sizes": {"type": "array", "items": {"type": "integer"}},
    },
}


def test_inputs_are_checked_with_every_fault() -> None:
    ir = compiled([node("a")], [], inputs=SCHEMA)
    validate_inputs(ir, {"domain": "x", "sizes": [1]})
    with pytest.raises(InvalidInputs) as caught:
        validate_inputs(ir, {"sizes": [1, "2"], "domian": "x"})
    assert {pointer for pointer, _ in caught.value.faults} == {"", "/sizes/1", "/domian"}
    assert any("did you mean 'domain'" in message for _, message in caught.value.faults)


@pytest.mark.parametrize("inputs", [None, [], "x", 3])
def test_inputs_are_always_an_object(inputs: object) -> None:
    with pytest.raises(InvalidInputs, match="must be an object"):
        validate_inputs(compiled([node("a")], []), inputs)
