"""What compile makes of nodes that ask people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from minuet.ir.compile import compile_document
from minuet.model.yaml import parse_yaml

Document = dict[str, Any]


def document(config: Document, *edges: Document) -> Document:
    nodes: list[Document] = [
        {"id": "ask", "type": "hitl", "config": config},
        {"id": "ship", "type": "join"},
        {"id": "tell", "type": "join"},
    ]
    return {"apiVersion": "minuet/v1", "name": "w", "nodes": nodes, "edges": list(edges)}


def test_edges_out_of_it_listen_on_approved_unless_they_say_otherwise() -> None:
    config = {"message": "Ship it?", "timeout": "48h", "on_timeout": "fail", "groups": ["ops"]}
    compiled = compile_document(
        document(
            config,
            {"from": "ask", "to": "ship"},
            {"from": "ask", "to": "tell", "on": "rejected"},
            {"from": "ask", "to": "tell", "on": "timeout"},
        ),
        {},
    )
    assert compiled.diagnostics == []
    ir = compiled.require()
    assert [each.on for each in ir.edges] == ["approved", "rejected", "timeout"]
    assert (ir.nodes[0].effect, ir.nodes[0].inline) == ("once", False)


def test_the_default_port_counts_for_duplicates_and_otherwise() -> None:
    twice = document(
        {"message": "?"},
        {"from": "ask", "to": "ship"},
        {"from": "ask", "to": "ship", "on": "approved"},
        {"from": "ask", "to": "tell", "when": "output.payload == 1"},
        {"from": "ask", "to": "tell", "otherwise": True},
    )
    found = compile_document(twice, {}).diagnostics
    assert [(each.path, each.severity) for each in found] == [("/edges/1", "error")]


@pytest.mark.parametrize(
    ("config", "path", "said"),
    [
        ({}, "/nodes/0/config", "'message' is missing"),
        ({"message": ""}, "/nodes/0/config/message", ""),
        ({"message": "?", "timeout": "soon"}, "/nodes/0/config/timeout", "units"),
        ({"message": "?", "timeout": "999999d"}, "/nodes/0/config/timeout", "ten years"),
        ({"message": "?", "on_timeout": "wait"}, "/nodes/0/config/on_timeout", "reject"),
        ({"message": "?", "on_timeout": "${inputs.x}"}, "/nodes/0/config/on_timeout", "constant"),
        ({"message": "?", "form": {"type": "text"}}, "/nodes/0/config/form", "no JSON Schema"),
        ({"message": "?", "assignees": "anna"}, "/nodes/0/config/assignees", "must be array"),
        ({"message": "?", "asignees": ["a"]}, "/nodes/0/config/asignees", "'assignees'"),
    ],
)
def test_faults_of_the_question_point_at_it(config: Document, path: str, said: str) -> None:
    (found,) = compile_document(document(config), {}).diagnostics
    assert (found.severity, found.path) == ("error", path)
    assert said in found.message


def test_it_never_ends_on_success() -> None:
    edge = {"from": "ask", "to": "ship", "on": "success"}
    (found,) = compile_document(document({"message": "?"}, edge), {}).diagnostics
    assert found.path == "/edges/0/on"
    assert "'approved', 'rejected'" in found.message


def test_templates_may_stand_where_another_type_is_wanted() -> None:
    config = {
        "message": "${inputs.question}",
        "assignees": "${inputs.who}",
        "timeout": "${inputs.time}",
        "form": {"type": "object", "title": "${inputs.question}"},
    }
    assert compile_document(document(config), {}).diagnostics == []


def test_the_documented_example_compiles() -> None:
    page = (Path(__file__).parents[3] / "docs" / "approvals.md").read_text("utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert compile_document(parse_yaml(example), {}).diagnostics == []
