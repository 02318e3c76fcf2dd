"""Every document on docs/documents.md compiles without a diagnostic."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minuet.ir.compile import compile_document
from minuet.model.yaml import parse_yaml

PAGE = (Path(__file__).parents[3] / "docs" / "documents.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: str(text).split("name: ")[1][:12])
def test_example_compiles(example: str) -> None:
    compiled = compile_document(parse_yaml(example), {})
    assert compiled.diagnostics == []
    assert compiled.valid
