"""docs/cli.md says what the command does."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from minuet.cli.app import app
from minuet.cli.exits import Exit

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def commands(command: object, name: str = "minuet") -> set[str]:
    children = getattr(command, "commands", None)
    if children is None:
        return {name}
    return {path for key, child in children.items() for path in commands(child, f"{name} {key}")}


def test_every_exit_code_is_documented() -> None:
    documented = re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)
    assert [int(code) for code in documented] == sorted(Exit)


def test_every_command_is_documented() -> None:
    table = PAGE.split("## Which suite")[0]
    missing = {
        path
        for path in commands(get_command(app))
        if not re.search(
            rf"`(minuet )?({path.removeprefix('minuet ')}|{path.split()[-1]})\b", table
        )
    }
    assert missing == set()
