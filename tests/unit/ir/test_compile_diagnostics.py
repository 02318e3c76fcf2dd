"""Every diagnostic of compile: one faulty document each, with place and message."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from minuet.ir.compile import compile_document
from minuet.model.diagnostic import Diagnostic
from minuet.model.node_type import NodeType

Document = dict[str, Any]

WORKER = NodeType(
    name="score",
    config_schema={
        "type": "object",
        "required": ["limit"],
        "additionalProperties": False,
        "properties": {
            "limit": {"type": "integer", "minimum": 0},
            "mode": {"oneOf": [{"const": "fast"}, {"type": "object", "required": ["deep"]}]},
        },
    },
    ports=["unsure"],
)


def sound() -> Document:
    """a -> b -> c, with a branch d behind b."""
    return {
        "apiVersion": "minuet/v1",
        "name": "sound",
        "inputs": {"type": "object", "properties": {"domain": {"type": "string"}}},
        "nodes": [
            {"id": "a", "type": "http", "config": {"url": "https://example.com"}},
            {"id": "b", "type": "score", "config": {"limit": 3}},
            {"id": "c", "type": "transform", "config": {"value": "${nodes.b.output}"}},
            {
                "id": "d",
                "type": "branch",
                "config": {
                    "cases": [{"when": "inputs.domain != ''", "port": "yes"}],
                    "default": "no",
                },
            },
        ],
        "edges": [
            {"from": "a", "to": "b"},
            {"from": "b", "to": "c", "when": "output.score > 1"},
            {"from": "b", "to": "d", "otherwise": True},
        ],
        "outputs": {"value": "${nodes.c.output}"},
        "settings": {"deadline": "1h"},
    }


def diagnostics(document: object) -> list[Diagnostic]:
    return compile_document(document, {"score": WORKER}).diagnostics


def test_sound_document_has_no_diagnostic() -> None:
    compiled = compile_document(sound(), {"score": WORKER})
    assert compiled.diagnostics == []
    assert compiled.valid


def change(path: str, value: Any) -> Callable[[Document], None]:
    """Set (or, for `...`, append to) what the JSON Pointer names."""

    def apply(document: Document) -> None:
        *parents, last = path.split("/")[1:]
        target: Any = document
        for segment in parents:
            target = target[int(segment)] if isinstance(target, list) else target[segment]
        if last == "-":
            target.append(value)
        elif isinstance(target, list):
            target[int(last)] = value
        else:
            target[last] = value

    return apply


def remove(name: str) -> Callable[[Document], None]:
    return lambda document: document.pop(name)


def back(source: str, target: str, while_: str = "true") -> Document:
    return {"from": source, "to": target, "loop": {"while": while_, "max_iterations": 3}}


def two(*edges: Document) -> Callable[[Document], None]:
    return lambda document: document["edges"].extend(edges)


def undone(*pairs: str) -> Callable[[Document], None]:
    """Let nodes name what undoes them; `u` stands apart."""

    def apply(document: Document) -> None:
        document["nodes"].append({"id": "u", "type": "score", "config": {"limit": 1}})
        for node, undo in zip(pairs[::2], pairs[1::2], strict=True):
            found = next(each for each in document["nodes"] if each["id"] == node)
            found["compensate"] = undo

    return apply


def looped_undo() -> Callable[[Document], None]:
    def apply(document: Document) -> None:
        undone("b", "u")(document)
        document["edges"].append(back("c", "a"))

    return apply


ERRORS: list[tuple[Callable[[Document], None], str, str]] = [
    # structure
    (remove("name"), "", "'name' is missing"),
    (remove("nodes"), "", "'nodes' is missing"),
    (change("/apiVersion", "minuet/v9"), "/apiVersion", "minuet/v1"),
    (change("/name", "Not A Name"), "/name", "lower-case letters"),
    (change("/nodez", []), "/nodez", "did you mean 'nodes'"),
    (change("/nodes", []), "/nodes", "must have at least 1"),
    (change("/nodes/0", 7), "/nodes/0", "must be object, not number"),
    (change("/nodes/0/typ", "x"), "/nodes/0/typ", "did you mean 'type'"),
    (change("/nodes/0/join", 0), "/nodes/0/join", "does not fit"),
    (change("/nodes/0/join", "most"), "/nodes/0/join", "does not fit"),
    (change("/nodes/0/on_error", "shrug"), "/nodes/0/on_error", "fail"),
    (change("/labels", {"a": 1}), "/labels/a", "must be string"),
    (change("/edges/0/on", "Not-A-Port"), "/edges/0/on", "port"),
    (change("/edges/0", {"from": "a"}), "/edges/0", "'to' is missing"),
    (change("/settings/max_parallel", 0), "/settings/max_parallel", "minimum of 1"),
    # ids and types
    (change("/nodes/0/id", "Not-An-Id"), "/nodes/0/id", "starting with a letter"),
    (change("/nodes/0/id", "in"), "/nodes/0/id", "word of the expression language"),
    (change("/nodes/0/id", "return"), "/nodes/0/id", "word of the expression language"),
    (change("/nodes/1/id", "a"), "/nodes/1/id", "already the node at /nodes/0"),
    # times and retries
    (change("/nodes/0/timeout", "5"), "/nodes/0/timeout", "units"),
    (change("/nodes/0/timeout", "0s"), "/nodes/0/timeout", "too short"),
    (change("/nodes/0/timeout", "999999d"), "/nodes/0/timeout", "ten years"),
    (change("/settings/deadline", "1 h"), "/settings/deadline", "units"),
    (change("/settings/deadline", "0s"), "/settings/deadline", "too short"),
    (change("/nodes/0/retry", {"max_attempts": 0}), "/nodes/0/retry/max_attempts", "minimum of 1"),
    (change("/nodes/0/retry", {"max_attempts": 101}), "/nodes/0/retry/max_attempts", "100"),
    (change("/nodes/0/retry", {"multiplier": 0.5}), "/nodes/0/retry/multiplier", "minimum of 1"),
    (change("/nodes/0/retry", {"initial": "2m"}), "/nodes/0/retry/max", "shorter than the first"),
    (change("/nodes/0/retry", {"tries": 2}), "/nodes/0/retry/tries", "unknown field"),
    # edges
    (change("/edges/0/to", "bb"), "/edges/0/to", "there is no node 'bb'; did you mean 'b'?"),
    (change("/edges/0/to", ""), "/edges/0/to", "there is no node ''"),
    (change("/edges/0/from", "aa"), "/edges/0/from", "there is no node 'aa'; did you mean 'a'?"),
    (change("/edges/-", {"from": "a", "to": "b"}), "/edges/3", "duplicate of the edge at /edges/0"),
    (change("/edges/-", {"from": "a", "to": "a"}), "/edges/3", "to itself"),
    (change("/edges/-", {"from": "c", "to": "a"}), "/edges/3", "a -> b -> c -> a"),
    (change("/edges/-", {"from": "c", "to": "a"}), "/nodes/0", "no first node leads to 'a'"),
    (change("/edges/1/otherwise", True), "/edges/1/otherwise", "either 'when' or 'otherwise'"),
    # loops
    (change("/edges/-", back("a", "c")), "/edges/3/loop", "no edges lead from 'c' to 'a'"),
    (change("/edges/-", {**back("c", "a"), "when": "true"}), "/edges/3/when", "loop.while alone"),
    (change("/edges/-", back("c", "a", while_="nope")), "/edges/3/loop/while", "nope"),
    (change("/edges/-", back("c", "a", while_="nodes.d.output")), "/edges/3/loop/while", "'d'"),
    (two(back("c", "a"), back("c", "b")), "/edges/4/loop", "two back edges leave 'c'"),
    (two(back("c", "a"), back("d", "b")), "/edges/3/loop", "overlaps another one"),
    (
        two({"from": "d", "to": "c", "on": "yes"}, back("c", "d")),
        "/edges/4/loop",
        "can also be entered at 'c'",
    ),
    (change("/edges/0/on", "exhausted"), "/edges/0/on", "never ends on 'exhausted'"),
    # guards and compensation
    (change("/nodes/1/when", "nodes.c.output"), "/nodes/1/when", "no edges lead from 'c' to 'b'"),
    (change("/nodes/1/when", "output.x"), "/nodes/1/when", "output"),
    (change("/nodes/1/compensate", "x"), "/nodes/1/compensate", "there is no node 'x'"),
    (change("/nodes/1/compensate", "c"), "/nodes/1/compensate", "has edges"),
    (undone("a", "a"), "/nodes/0/compensate", "has edges"),
    (undone("a", "u", "b", "u"), "/nodes/1/compensate", "undoes 'a' already"),
    (looped_undo(), "/nodes/1/compensate", "lies in a loop"),
    (change("/edges/0/on", "succes"), "/edges/0/on", "did you mean 'success'"),
    (change("/edges/0/on", "unsure"), "/edges/0/on", "'success', 'error', 'timeout'"),
    (change("/edges/-", {"from": "d", "to": "c"}), "/edges/3", "say on: with one of 'yes', 'no'"),
    (change("/edges/-", {"from": "d", "to": "c", "on": "yess"}), "/edges/3/on", "mean 'yes'"),
    (change("/nodes/1/join", 2), "/nodes/1/join", "waits for 2 taken edges but has 1"),
    # configs
    (change("/nodes/0/config", {"urll": "x"}), "/nodes/0/config/urll", "did you mean 'url'"),
    (change("/nodes/0/config", {}), "/nodes/0/config", "'url' is missing"),
    (change("/nodes/0/config/url", "ftp://x"), "/nodes/0/config/url", "does not fit"),
    (change("/nodes/0/config/expect", {"status": 99}), "/nodes/0/config/expect/status", "status"),
    (change("/nodes/1/config/limit", "many"), "/nodes/1/config/limit", "must be integer"),
    (change("/nodes/1/config/limit", "$${x}"), "/nodes/1/config/limit", "must be integer"),
    (change("/nodes/1/config", {"limit": "${1}", "mode": 3}), "/nodes/1/config/mode", "not fit"),
    (change("/nodes/1/config", {"limt": "${1}"}), "/nodes/1/config/limt", "did you mean 'limit'"),
    (change("/nodes/2/config", {}), "/nodes/2/config", "'value' is missing"),
    (change("/nodes/3/config/cases", []), "/nodes/3/config/cases", "must have at least 1"),
    (change("/nodes/3/config/default", "${inputs.x}"), "/nodes/3/config/default", "not fit"),
    (change("/nodes/-", {"id": "w", "type": "wait"}), "/nodes/4/config", "Exactly one"),
    (
        change("/nodes/-", {"id": "w", "type": "wait", "config": {"for": "1s", "until": "x"}}),
        "/nodes/4/config",
        "Exactly one",
    ),
    (
        change("/nodes/-", {"id": "w", "type": "wait", "config": {"for": "soon"}}),
        "/nodes/4/config/for",
        "duration",
    ),
    (
        change("/nodes/-", {"id": "w", "type": "wait", "config": {"until": "tomorrow"}}),
        "/nodes/4/config/until",
        "RFC 3339",
    ),
    (
        change("/nodes/-", {"id": "w", "type": "wait", "config": {"message": "A b"}}),
        "/nodes/4/config/message",
        "does not fit",
    ),
    (
        change("/nodes/-", {"id": "j", "type": "join", "config": {"x": 1}}),
        "/nodes/4/config/x",
        "no field is expected",
    ),
    # expressions
    (change("/nodes/2/config/value", "${inputs."), "/nodes/2/config/value", "never closed"),
    (change("/nodes/2/config/value", ["${1 +}"]), "/nodes/2/config/value/0", "yntax error"),
    (change("/nodes/2/config/value", "${output}"), "/nodes/2/config/value", "cannot be used here"),
    (change("/nodes/2/config/value", "${secrets.k}"), "/nodes/2/config/value", "a worker executes"),
    (change("/nodes/2/config/value", "${nodes.zz.output}"), "/nodes/2/config", "no node 'zz'"),
    (change("/nodes/2/config/value", "${nodes.d.output}"), "/nodes/2/config", "no edges lead"),
    (change("/nodes/2/config/value", "${nodes.c.output}"), "/nodes/2/config", "its own output"),
    (change("/nodes/2/config/value", "${nodes.b.x}"), "/nodes/2/config/value", "nodes.b.output"),
    (change("/edges/1/when", "output.score >"), "/edges/1/when", "yntax error"),
    (change("/edges/1/when", "${output.score}"), "/edges/1/when", "without ${ }"),
    (change("/edges/1/when", "secrets.k == 1"), "/edges/1/when", "cannot be used here"),
    (change("/edges/1/when", "nodes.c.output.x"), "/edges/1/when", "no edges lead from 'c' to 'b'"),
    (change("/edges/1/when", "nodes.aa.output.x"), "/edges/1/when", "did you mean 'a'"),
    (change("/edges/1/when", ""), "/edges/1/when", ""),
    (change("/nodes/3/config/cases/0/when", "1 +"), "/nodes/3/config/cases/0/when", "yntax"),
    (change("/nodes/3/config/cases/0/when", "secrets.x"), "/nodes/3/config/cases/0/when", "worker"),
    (change("/outputs/value", "${nodes.zz.output}"), "/outputs", "no node 'zz'"),
    (change("/outputs/value", "${secrets.x}"), "/outputs/value", "cannot be used here"),
    (change("/outputs/value", "${"), "/outputs/value", "never closed"),
    # inputs
    (change("/inputs/type", "objekt"), "/inputs/type", "not valid in JSON Schema"),
    (change("/inputs/required", "x"), "/inputs/required", "not valid in JSON Schema"),
    (
        change("/inputs/properties/domain", {"$ref": "https://example.com/x"}),
        "/inputs/properties/domain/$ref",
        "leads out of the schema",
    ),
    (
        change("/inputs/properties/domain", {"$ref": "file:///etc/passwd"}),
        "/inputs/properties/domain/$ref",
        "leads out of the schema",
    ),
    (change("/inputs/properties/domain", {"$ref": "#/$defs/no"}), "/inputs", "not a usable"),
    (change("/inputs/properties/domain", {"pattern": "("}), "/inputs", ""),
    (change("/inputs", 3), "/inputs", "must be object"),
]


@pytest.mark.parametrize(
    ("mutate", "path", "message"), ERRORS, ids=[f"{path}-{text}" for _, path, text in ERRORS]
)
def test_fault_is_named_with_its_place(
    mutate: Callable[[Document], None], path: str, message: str
) -> None:
    document = sound()
    mutate(document)
    compiled = compile_document(document, {"score": WORKER})
    errors = [each for each in compiled.diagnostics if each.severity == "error"]
    assert compiled.ir is None
    assert any(
        (each.path == path or (path == "/inputs" and each.path.startswith(path)))
        and message in each.message
        for each in errors
    ), errors


def test_all_faults_are_found_in_one_pass() -> None:
    """Every pair of independent faults: neither hides the other."""
    document = sound()
    picked = [
        change("/nodes/0/timeout", "5"),
        change("/nodes/1/config/limit", "many"),
        change("/edges/0/to", "bb"),
        change("/outputs/value", "${"),
        change("/settings/deadline", "x"),
        change("/nodes/-", {"id": "B!", "type": "http", "config": {}}),
        change("/edges/1/when", "1 +"),
    ]
    for mutate in picked:
        mutate(document)
    paths = {each.path for each in diagnostics(document) if each.severity == "error"}
    assert paths >= {
        "/nodes/0/timeout", "/nodes/1/config/limit", "/edges/0/to", "/outputs/value",
        "/settings/deadline", "/nodes/4/id", "/nodes/4/config", "/edges/1/when",
    }  # fmt: skip


@pytest.mark.parametrize("document", [None, 3, "x", [], {}, {"nodes": 3}, {"nodes": [None]}])
def test_anything_at_all_gets_diagnostics(document: object) -> None:
    assert any(each.severity == "error" for each in diagnostics(document))


WARNINGS: list[tuple[Callable[[Document], None], str, str]] = [
    (change("/nodes/1/type", "scor"), "/nodes/1/type", "did you mean 'score'"),
    (change("/nodes/2/retry", {"max_attempts": 2}), "/nodes/2/retry", "never retried"),
    (change("/edges/0/otherwise", True), "/edges/0/otherwise", "always taken"),
    (change("/nodes/2/config/value", "${inputs.domian}"), "/nodes/2/config", "mean 'domain'"),
    (change("/inputs", {"domain": {"type": "string"}}), "/inputs", "under 'properties'"),
]


@pytest.mark.parametrize(("mutate", "path", "message"), WARNINGS)
def test_doubtful_documents_compile_with_a_warning(
    mutate: Callable[[Document], None], path: str, message: str
) -> None:
    document = sound()
    mutate(document)
    compiled = compile_document(document, {"score": WORKER})
    assert compiled.valid
    assert [(each.severity, each.path) for each in compiled.diagnostics] == [("warning", path)]
    assert message in compiled.diagnostics[0].message


def test_unknown_type_is_refused_if_the_document_says_so() -> None:
    document = sound()
    document["nodes"][0]["type"] = "htp"
    document["settings"]["unknown_types"] = "fail"
    found = diagnostics(document)
    assert [(each.severity, each.path) for each in found] == [("error", "/nodes/0/type")]
    assert "did you mean 'http'" in found[0].message


def test_built_in_types_cannot_be_replaced() -> None:
    document = sound()
    document["nodes"][0]["config"] = {}
    types = {"score": WORKER, "http": NodeType(name="http")}
    assert compile_document(document, types).ir is None


def test_depth_and_size_have_limits() -> None:
    nested: Any = 1
    for _ in range(100_000):
        nested = [nested]
    document = sound()
    document["outputs"] = nested
    assert "deeper than 64" in diagnostics(document)[0].message
    document["outputs"] = "x" * (10 * 1024 * 1024)
    assert "the limit is 10485760" in diagnostics(document)[0].message


def test_too_many_nodes() -> None:
    document = sound()
    document["nodes"] += [{"id": f"n{i}", "type": "join"} for i in range(10_000)]
    assert any(each.path == "/nodes" and "10000" in each.message for each in diagnostics(document))


def test_very_many_faults_are_cut_with_a_note() -> None:
    document = sound()
    document["edges"] = [{"from": f"x{i}", "to": "a"} for i in range(500)]
    found = diagnostics(document)
    assert len(found) == 201
    assert "more faults" in found[-1].message


def test_a_templated_config_is_relaxed_only_where_the_template_stands() -> None:
    document = sound()
    document["nodes"][1]["config"] = {"limit": "${inputs.domain}", "mode": "${inputs.domain}"}
    assert diagnostics(document) == []
    document["nodes"][1]["config"] = {"limit": "${inputs.domain}", "mode": {"shallow": 1}}
    assert [each.path for each in diagnostics(document)] == ["/nodes/1/config/mode"]


def test_checking_does_not_change_the_document() -> None:
    document = sound()
    before = copy.deepcopy(document)
    compile_document(document, {"score": WORKER})
    assert document == before


def test_a_schema_that_refers_into_its_middle_is_relaxed_too() -> None:
    schema = {
        "properties": {
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "size": {"$ref": "#/properties/sizes/items"},
        }
    }
    document = sound()
    document["nodes"][1]["config"] = {"sizes": ["${inputs.domain}", "x", 3], "size": "${1}"}
    found = compile_document(document, {"score": NodeType(name="score", config_schema=schema)})
    assert [each.path for each in found.diagnostics] == ["/nodes/1/config/sizes/1"]


@pytest.mark.parametrize("cases", [1, "text", {"when": "true"}, None, [1]])
def test_cases_that_are_no_list_of_cases_are_a_fault(cases: object) -> None:
    document = sound()
    config = {"cases": cases, "default": "x"}
    document["nodes"].append({"id": "fork", "type": "branch", "config": config})
    at = f"/nodes/{len(document['nodes']) - 1}/config/cases"
    assert any(each.path.startswith(at) for each in diagnostics(document))
