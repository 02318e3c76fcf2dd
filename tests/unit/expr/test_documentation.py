"""The tables of docs/expressions.md hold."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from minuet.expr import compile_expression, compile_template
from minuet.expr.references import ROOTS

PAGE = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text()
ROW = re.compile(r"^\| `(.*?)` \| `(.*)` \|$", re.MULTILINE)


def _rows(heading: str) -> list[Any]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = ROW.findall(section)
    assert len(rows) > 5
    return rows


def _context() -> dict[str, Any]:
    found = re.search(r"inputs `(\{.*\})` and", PAGE)
    assert found is not None
    return {"inputs": json.loads(found[1])}


@pytest.mark.parametrize(("text", "result"), _rows("Examples"))
def test_expression_of_the_page(text: str, result: str) -> None:
    value = compile_expression(text, allowed_roots=ROOTS).evaluate(_context())
    assert json.dumps(value) == json.dumps(json.loads(result))


@pytest.mark.parametrize(("source", "result"), _rows("Templates"))
def test_template_of_the_page(source: str, result: str) -> None:
    value = compile_template(json.loads(source), allowed_roots=ROOTS).render(_context())
    assert json.dumps(value) == json.dumps(json.loads(result))
