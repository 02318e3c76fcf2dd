"""The workflow of the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minuet.model.yaml import parse_yaml

PATH = Path(__file__).with_name("workflow.yaml")


def read_workflow() -> dict[str, Any]:
    document = parse_yaml(PATH.read_text("utf-8"))
    assert isinstance(document, dict)
    return document
