"""What the test's nodes wrote, against what the suite recorded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple


class Execution(NamedTuple):
    run: str
    node: str


def read_ledger(path: Path) -> Counter[Execution]:
    """How often each node of each run was executed. A last line cut by a kill is no execution."""
    lines = path.read_text().splitlines(keepends=True)
    whole = [line.split(" ", 1)[0] for line in lines if line.endswith("\n")]
    return Counter(Execution(*name.split("/")[:2]) for name in whole)


def keys_by_execution(path: Path) -> dict[Execution, set[str]]:
    """Idempotency keys that each execution was given: one, however often it was repeated."""
    found: dict[Execution, set[str]] = {}
    for line in path.read_text().splitlines():
        name, _, key = line.partition(" ")
        found.setdefault(Execution(*name.split("/")[:2]), set()).add(key)
    return found
