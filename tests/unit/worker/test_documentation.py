"""The example of docs/workers.md runs as it stands there and in examples/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from minuet.worker.loader import LoadError, load
from minuet.worker.registry import NodeSpec, Registry

from .support import Bench, output

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "lead_nodes.py"


def documented() -> dict[str, Any]:
    """The names that the page's Python block defines."""
    page = (ROOT / "docs" / "workers.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(block, "docs/workers.md", "exec"), names)
    return names


def bench_of(registry: Registry, name: str) -> Bench:
    made = Bench([], {})
    made.specs = [spec for spec in registry if spec.name == name]
    return made


def from_page() -> Registry:
    registry = Registry()
    registry.add(documented()["score_lead"])
    return registry


@pytest.mark.parametrize("source", [from_page, lambda: load([str(EXAMPLE)])])
async def test_the_example_scores_leads(source: Any) -> None:
    b = bench_of(source(), "score_lead")
    hot = await b.run_one({"company": "Acme", "employees": "${40 * 25}"})
    cold = await b.run_one({"company": "Tiny", "employees": 20})
    assert (hot.port, output(hot)) == ("hot", {"company": "Acme", "score": 100})
    assert (cold.port, output(cold)) == ("success", {"company": "Tiny", "score": 2})


async def test_the_plain_example_imports_and_fails_as_described() -> None:
    b = bench_of(load([str(EXAMPLE)]), "import_rows")
    assert output(await b.run_one({"rows": ["a", "b"]})) == {"imported": 2}
    for rows, code in ((["busy"], "retryable"), ([""], "terminal")):
        outcome = await b.run_one({"rows": rows})
        assert outcome.failure is not None
        assert outcome.failure.code == code


@pytest.fixture
def module(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / f"loaded_{abs(hash(request.node.name))}.py"


SOURCE = """
from minuet.worker import Registry, node
app = Registry()

@app.node("in_app")
def in_app(): ...

@node("alone")
def alone(): ...
"""


def names(registry: Registry) -> set[str]:
    return {spec.name for spec in registry}


def test_modules_and_attributes_are_found(module: Path) -> None:
    module.write_text(SOURCE)
    assert names(load([str(module)])) == {"in_app", "alone"}
    assert names(load([f"{module.stem}:app"], module.parent)) == {"in_app"}
    assert names(load([f"{module.stem}:alone"], module.parent)) == {"alone"}
    spec: NodeSpec
    (spec,) = load([f"{module.stem}:alone"], module.parent)
    assert not spec.is_async


@pytest.mark.parametrize(
    ("source", "attribute", "reason"),
    [
        ("", "", "no function"),
        ("x = 1", ":x", "not decorated"),
        ("", ":missing", "missing"),
        ("1 +", "", "SyntaxError"),
        ("from minuet.worker import node\n@node('Bad')\ndef f(): ...", "", "Bad"),
    ],
)
def test_what_cannot_be_served_says_why(
    module: Path, source: str, attribute: str, reason: str
) -> None:
    module.write_text(source)
    with pytest.raises(LoadError, match=reason):
        load([f"{module}{attribute}"])


def test_a_missing_module_says_so() -> None:
    with pytest.raises(LoadError, match="no_such_module"):
        load(["no_such_module"])
