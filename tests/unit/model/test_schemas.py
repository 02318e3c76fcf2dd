"""Schemas and structs describe the same wire forms; built-in types and examples hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minuet.schemas
from minuet.ir.builtin import builtin_node_types
from minuet.model import signal as signals
from minuet.model.document import Workflow
from minuet.model.event import CommitRecord, Event, LiveEvent, TransitionRecord
from minuet.model.token import CasRef, Failure, Outcome, TaskToken, idempotency_key
from minuet.schemas import load

Validator = partial(jsonschema_rs.Draft202012Validator, validate_formats=True, offline=True)

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
number = st.integers(0, 2**53)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(text, values, max_size=3)
raw = values.map(lambda value: msgspec.Raw(msgspec.json.encode(value)))
refs = st.builds(
    CasRef, digest=st.just("sha256:" + "0a" * 32), size_bytes=number, path=st.just("") | text
)
maybe_number, maybe_text = st.none() | number, st.none() | text
tokens = st.builds(
    TaskToken, run=text, tenant=text, node=text, type=text, gen=number, attempt=number, config=raw,
    timeout_ms=number, idempotency_key=st.builds(idempotency_key, text, text, number),
    iteration=number, context=st.dictionaries(text, raw, max_size=2),
    refs=st.dictionaries(text, refs, max_size=2), returns=st.lists(text, max_size=2),
    deadline_at=maybe_number, traceparent=maybe_text,
)  # fmt: skip
failures = st.builds(
    Failure, code=text, message=text, retryable=st.booleans(), retry_after_ms=maybe_number,
    operation=maybe_text, cause=maybe_text,
)  # fmt: skip
outcomes = st.builds(
    Outcome, port=text, output=raw, output_ref=st.none() | refs, values=objects,
    failure=st.none() | failures, waiting=st.booleans(), started_at=maybe_number,
    ended_at=maybe_number, worker=maybe_text, item=maybe_number,
)  # fmt: skip
events = st.builds(
    Event, type=st.sampled_from(["node.ready", "warning"]), node=maybe_text, gen=maybe_number,
    data=objects,
)  # fmt: skip
transitions = st.builds(
    TransitionRecord, run=text, tenant=text, prev=text, seq=number, cmd=number,
    status=st.integers(0, 9), counter=number, count=number,
    events=st.lists(events, max_size=3).map(lambda each: msgspec.Raw(msgspec.json.encode(each))),
)  # fmt: skip
commits = st.builds(
    CommitRecord, owner=text, commit=number, time=number, runs=st.lists(transitions, max_size=2)
)
lives = st.builds(
    LiveEvent, type=st.sampled_from(["node.started", "node.log"]), run=text, tenant=text, node=text,
    gen=number, attempt=number, time=number, data=objects,
)  # fmt: skip
kept = st.builds(signals.Kept, port=text, output=raw, output_ref=st.none() | refs, values=objects)
parents = st.builds(
    signals.Parent, run=text, node=text, gen=number, attempt=number, item=maybe_number
)
SIGNALS: dict[str, st.SearchStrategy[Any]] = {
    "start": st.builds(
        signals.Start, run=text, tenant=text, ir=text, workflow=text, accepted_at=number,
        workflow_version=maybe_number, inputs=raw, inputs_ref=st.none() | refs, values=objects,
        traceparent=maybe_text, not_after=number, retry_of=maybe_text,
        kept=st.dictionaries(text, kept, max_size=2), parent=st.none() | parents,
        document=maybe_text, deadline_at=maybe_number, returns=st.lists(text, max_size=2),
    ),
    "command": st.builds(
        signals.Command, run=text, number=st.integers(1, 99), name=st.just("cancel"), data=objects,
        principal=text, not_after=number,
    ),
    "restore": st.builds(
        signals.Restore, run=text, tenant=text, seq=number, state=refs, fork=st.booleans()
    ),
    "archived": st.builds(signals.Archived, run=text, seq=number),
    "stop": st.builds(signals.Stop, run=text, reason=text),
    "reemit": st.builds(
        signals.Reemit, run=text, tokens=st.lists(text, max_size=3),
        children=st.lists(text, max_size=2),
    ),
    "continue": st.builds(signals.Continue, run=text),
}  # fmt: skip


def names() -> list[str]:
    folder = files(minuet.schemas)
    return sorted(each.name[:-5] for each in folder.iterdir() if each.name.endswith(".json"))


def wire(struct: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(struct))


@pytest.mark.parametrize(
    ("name", "strategy"),
    [("token", tokens), ("outcome", outcomes), ("event", commits), ("live", lives)],
)
def test_what_structs_write_is_what_schemas_say(name: str, strategy: Any) -> None:
    validator = Validator(load(name))

    @settings(max_examples=60, deadline=None)
    @given(strategy)
    def check(struct: Any) -> None:
        validator.validate(wire(struct))
        again = msgspec.json.decode(msgspec.json.encode(struct), type=type(struct))
        assert wire(again) == wire(struct)

    check()


@pytest.mark.parametrize("kind", signals.SIGNAL_TYPES)
def test_signals_are_what_the_schema_says(kind: str) -> None:
    validator = Validator(load("signal"))

    @settings(max_examples=40, deadline=None)
    @given(SIGNALS[kind])
    def check(struct: Any) -> None:
        validator.validate({kind: wire(struct)})

    check()


STRUCTS: list[tuple[str, str | None, type[msgspec.Struct]]] = [
    ("token", None, TaskToken),
    ("outcome", None, Outcome),
    ("outcome", "failure", Failure),
    ("outcome", "ref", CasRef),
    ("event", None, CommitRecord),
    ("event", "transition", TransitionRecord),
    ("event", "event", Event),
    ("live", None, LiveEvent),
    ("document", None, Workflow),
    *((("signal"), kind, struct) for kind, struct in signals.SIGNAL_TYPES.items()),
]


@pytest.mark.parametrize(("name", "part", "struct"), STRUCTS)
def test_schema_and_struct_have_the_same_fields(
    name: str, part: str | None, struct: type[msgspec.Struct]
) -> None:
    schema = load(name) if part is None else load(name)["$defs"][part]
    fields = msgspec.structs.fields(struct)
    assert set(schema["properties"]) == {field.encode_name for field in fields}
    required = {field.encode_name for field in fields if field.required}
    assert set(schema["required"]) - {"v"} == required


@pytest.mark.parametrize("part", ["node", "edge", "retry", "settings", "loop"])
def test_document_parts_have_the_same_fields(part: str) -> None:
    from minuet.model import document

    definitions = load("document")["$defs"]
    schema = definitions["edge"]["properties"]["loop"] if part == "loop" else definitions[part]
    fields = msgspec.structs.fields(getattr(document, part.title()))
    assert set(schema["properties"]) == {field.encode_name for field in fields}
    assert set(schema.get("required", [])) == {f.encode_name for f in fields if f.required}
    for field in fields:
        said = schema["properties"][field.encode_name].get("default", field.default)
        if field.default not in (None, msgspec.NODEFAULT):
            assert said == field.default


@pytest.mark.parametrize("name", names())
def test_every_schema_is_valid(name: str) -> None:
    assert jsonschema_rs.meta.is_valid(load(name))
    Validator(load(name))


def fields_of(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for name, each in schema.get("properties", {}).items():
            if isinstance(each, dict):
                yield f"{path}/{name}", each
        for key, each in schema.items():
            yield from fields_of(each, f"{path}/{key}")


@pytest.mark.parametrize("kind", builtin_node_types().values(), ids=lambda kind: str(kind.name))
def test_forms_and_docs_find_what_they_need(kind: Any) -> None:
    assert kind.title
    assert kind.description
    assert jsonschema_rs.meta.is_valid(kind.config_schema)
    assert jsonschema_rs.meta.is_valid(kind.output_schema)
    for path, field in fields_of(kind.config_schema):
        assert field.get("title"), path
        assert field.get("description") or "$ref" in field, path


@pytest.mark.parametrize("kind", builtin_node_types().values(), ids=lambda kind: str(kind.name))
def test_examples_and_defaults_are_valid(kind: Any) -> None:
    definitions = kind.config_schema.get("$defs", {})
    for path, field in fields_of(kind.config_schema):
        validator = Validator({**field, "$defs": definitions})
        shown = [*field.get("examples", []), *([field["default"]] if "default" in field else [])]
        for example in shown:
            if not (isinstance(example, str) and "${" in example):
                assert validator.is_valid(example), (path, example)
