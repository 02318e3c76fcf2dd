"""docs/operating.md names every metric as the code has it, and only log actions that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operating.md").read_text()
METRIC_ROW = re.compile(r"^\| ((?:`(?:minuet|gen_ai)_\w+`(?:, )?)+) \| ([\w, ]*) ?\|", re.MULTILINE)
LOGGED = re.compile(r'\b(?:log\.\w+|report)\(\s*"(\w+)"')
KINDS = {"Counter", "Gauge", "Histogram", "Summary"}


def sources() -> Iterator[Path]:
    for folder in ("common", "services"):
        yield from (ROOT / folder).rglob("*.py")


def metrics_of(path: Path) -> Iterator[tuple[str, str]]:
    """(name, labels) of every metric that a module makes."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Name(id=kind), args=[ast.Constant(value=str(name)), ast.Constant(), *rest]
            ) if kind in KINDS:
                labels = ast.literal_eval(rest[0]) if rest else []
                yield name, ", ".join(labels)


def described() -> dict[str, str]:
    rows = METRIC_ROW.findall(PAGE)
    return {name: labels.strip() for names, labels in rows for name in re.findall(r"\w+", names)}


def test_every_metric_is_described_with_its_labels() -> None:
    made = dict(metric for path in sources() for metric in metrics_of(path))
    assert len(made) > 40
    assert described() == made


def test_log_actions_are_those_of_the_code() -> None:
    logged = {action for path in sources() for action in LOGGED.findall(path.read_text())}
    table = PAGE.split("## Logs")[1].split("\n## ")[0]
    named = {
        action
        for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for action in re.findall(r"`([a-z_]+)`", cell)
        if "_" in action
    }
    assert len(named) > 20
    assert named <= logged


def test_no_metric_has_a_run_as_label() -> None:
    assert not {"run", "run_id", "tenant"} & set(", ".join(described().values()).split(", "))
