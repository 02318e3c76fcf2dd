"""docs/agents.md and the node's schema keep to what there is."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from minuet.ir.builtin import builtin_node_types
from minuet.ir.compile import compile_document
from minuet.model.yaml import parse_yaml
from minuet.services.agent_runner.config import AgentConfig, Budget
from minuet.services.dev_llm.script import Script

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "agents.md").read_text()
YAML = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WORKFLOW = (ROOT / "examples" / "lead_agent" / "workflow.yaml").read_text()


@pytest.mark.parametrize("text", [*YAML, WORKFLOW])
def test_examples_compile_without_a_diagnostic(text: str) -> None:
    assert compile_document(parse_yaml(text), {}).diagnostics == []


def test_scripts_in_the_documentation_hold() -> None:
    page = (ROOT / "services" / "dev_llm" / "README.md").read_text()
    (script,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for text in (script, (ROOT / "examples" / "lead_agent" / "script.yaml").read_text()):
        assert msgspec.convert(parse_yaml(text), Script).conversations


def test_every_field_is_documented_and_read() -> None:
    properties = builtin_node_types()["agent"].config_schema["properties"]
    assert set(properties) == set(AgentConfig.__struct_fields__)
    assert set(properties["budget"]["properties"]) == set(Budget.__struct_fields__)
    assert {name for name in properties if f"`{name}`" not in PAGE} == set()
    tools = properties["tools"]["items"]["enum"]
    assert {name for name in tools if f"`{name}`" not in PAGE} == set()


def test_an_edge_on_a_port_that_the_agent_lacks_is_refused() -> None:
    compiled = compile_document(parse_yaml(WORKFLOW.replace("on: cold", "on: lukewarm")), {})
    (fault,) = [d for d in compiled.diagnostics if d.path == "/edges/1/on"]
    assert "hot" in fault.message
