"""`concurrency` of a document: what its key may read, and what becomes of it in the IR."""

from __future__ import annotations

from typing import Any

import pytest

from minuet.ir.compile import Compiled, compile_document
from minuet.model.ir import IrConcurrency


def compiled(**concurrency: Any) -> Compiled:
    document = {
        "apiVersion": "minuet/v1",
        "name": "sync",
        "inputs": {"type": "object", "properties": {"customer": {"type": "string"}}},
        "nodes": [{"id": "one", "type": "transform", "config": {"value": 1}}],
        "concurrency": concurrency,
    }
    return compile_document(document, {})


def only(found: Compiled) -> tuple[str, str, str]:
    [fault] = found.diagnostics
    return fault.severity, fault.path, fault.message


def test_the_key_reaches_the_ir_with_its_defaults() -> None:
    found = compiled(key="eu-${inputs.customer}")
    assert found.diagnostics == []
    assert found.require().concurrency == IrConcurrency("eu-${inputs.customer}", 1, "queue")


def test_without_a_key_the_limit_is_that_of_the_workflow() -> None:
    found = compiled(limit=3, on_limit="reject")
    assert found.diagnostics == []
    assert found.require().concurrency == IrConcurrency("", 3, "reject")


@pytest.mark.parametrize("root", ["nodes.one.output", "run.id", "secrets.token", "iteration"])
def test_only_inputs_are_known_when_a_run_is_accepted(root: str) -> None:
    severity, path, message = only(compiled(key=f"${{{root}}}"))
    assert (severity, path) == ("error", "/concurrency/key")
    assert message.startswith(f"'{root.partition('.')[0]}' cannot be used here; allowed: inputs")
    assert message.endswith("before anything has run")


def test_a_key_that_does_not_parse_is_an_error_at_its_place() -> None:
    severity, path, message = only(compiled(key="${inputs.customer +}"))
    assert (severity, path) == ("error", "/concurrency/key")
    assert "before anything has run" not in message


def test_a_constant_key_is_probably_a_forgotten_template() -> None:
    severity, path, message = only(compiled(key="inputs.customer"))
    assert (severity, path) == ("warning", "/concurrency/key")
    assert message.endswith("share one limit: write ${inputs.customer}")


def test_an_undeclared_input_is_named_with_what_was_meant() -> None:
    severity, path, message = only(compiled(key="${inputs.custommer}"))
    assert (severity, path) == ("warning", "/concurrency/key")
    assert message == "the inputs declare no property 'custommer'; did you mean 'customer'?"


def test_a_faulty_key_is_told_beside_other_structural_faults() -> None:
    found = compiled(key="${nodes.one.output}", limit=0)
    assert {fault.path for fault in found.diagnostics} == {
        "/concurrency/key", "/concurrency/limit",
    }  # fmt: skip
