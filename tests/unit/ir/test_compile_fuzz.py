"""Compile neither raises nor hangs, whatever it is given."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.ir.compile import compile_document
from minuet.model.node_type import NodeType

BASE: dict[str, Any] = {
    "apiVersion": "minuet/v1",
    "name": "w",
    "inputs": {"type": "object", "properties": {"a": {"type": "string"}}},
    "nodes": [
        {"id": "a", "type": "http", "config": {"url": "https://x", "expect": {"status": 200}}},
        {"id": "b", "type": "branch",
         "config": {"cases": [{"when": "true", "port": "p"}], "default": "q"}},
        {"id": "c", "type": "wait", "config": {"for": "1s"}, "retry": {"max_attempts": 2},
         "join": 1},
        {"id": "d", "type": "task", "config": {"x": ["${inputs.a}"]}, "timeout": "1s"},
    ],
    "edges": [
        {"from": "a", "to": "b", "when": "output.x"},
        {"from": "b", "to": "c", "on": "p"},
        {"from": "a", "to": "d", "otherwise": True},
    ],
    "outputs": {"o": "${nodes.a.output}"},
    "settings": {"deadline": "1h"},
    "labels": {"a": "b"},
}  # fmt: skip
TYPES = {"task": NodeType(name="task", config_schema={"properties": {"x": {"type": "array"}}})}

texts = st.sampled_from(["a", "b", "", "${", "${nodes.d.output}", "1s", "wait", "$ref", "#", "~/"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, child in pairs:
        found.append((value, key))
        if isinstance(child, dict | list):
            found += places(child)
    return found


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_change_of_a_document_makes_compile_raise(data: st.DataObject) -> None:
    document = copy.deepcopy(BASE)
    for _ in range(data.draw(st.integers(1, 4))):
        container, key = data.draw(st.sampled_from(places(document)))
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                container[key] = data.draw(values)
            case "remove":
                del container[key]
            case _ if isinstance(container, dict):
                container[data.draw(texts)] = data.draw(values)
            case _:
                container.append(copy.deepcopy(data.draw(values)))
        if not places(document):
            break
    compiled = compile_document(document, TYPES)
    errors = [each for each in compiled.diagnostics if each.severity == "error"]
    assert (compiled.ir is None) == bool(errors)


@settings(deadline=None, max_examples=100)
@given(values)
def test_any_value_gets_an_answer(value: Any) -> None:
    assert compile_document(value, TYPES).ir is None


def test_a_fault_in_every_edge_is_answered_quickly() -> None:
    """Suggestions compare names: they stop when nobody will see them."""
    document = copy.deepcopy(BASE)
    document["nodes"] = [{"id": f"node_{i}", "type": f"jon{i}"} for i in range(5000)]
    document["edges"] = [{"from": f"nod_{i}", "to": f"nude_{i}", "x": 1} for i in range(5000)]
    assert len(compile_document(document, TYPES).diagnostics) == 201
