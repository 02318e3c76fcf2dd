"""Collects figures, prints them as a table and writes them to build/bench.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

REPORT = Path("build/bench.json")


class Figures:
    """`add` one figure a call; the same name twice keeps the later."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, float | str]] = {}

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        self.values[name] = {"value": round(value, 3), "unit": unit, "note": note}

    def show(self) -> None:
        table = Table(title=f"{platform.machine()}, Python {platform.python_version()}")
        for column in ("figure", "value", "unit", "note"):
            table.add_column(column, justify="right" if column == "value" else "left")
        for name, row in self.values.items():
            table.add_row(name, f"{row['value']:,}", str(row["unit"]), str(row["note"]))
        Console(width=120).print(table)
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(self.values, indent=2) + "\n")


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    collected = Figures()
    yield collected
    collected.show()
