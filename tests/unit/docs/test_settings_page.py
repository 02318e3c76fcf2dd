"""docs/settings.md names every variable, with the default and the bounds that the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest

from minuet import environment, settings
from minuet.services.agent_runner import settings as agent_settings
from minuet.services.up import settings as up_settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `(MINUET_\w+)(?:<NAME>)?` \| (.*) \|$", PAGE, re.MULTILINE))
SOURCES = ("common", "services", "migrations", "scripts", "setup.py", "docker-compose.yml",
           ".env.example", "Makefile", "Dockerfile")  # fmt: skip
NOTHING = "\N{EN DASH}"
SUFFIXES = {".py", ".yml", ".example", ""}


class Recorder(environment.EnvironmentReader):
    """Notes what is asked: variable -> (default, bounds)."""

    asked: ClassVar[dict[str, tuple[str, str]]] = {}

    def text(self, name: str, default: str) -> str:
        self.asked.setdefault(name, (default, ""))
        return super().text(name, default)

    def secret(self, name: str) -> str | None:
        self.asked.setdefault(name, ("", ""))
        return super().secret(name)

    def items(self, name: str) -> tuple[str, ...]:
        self.asked.setdefault(name, ("", ""))
        return super().items(name)

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        self.asked.setdefault(name, (str(default), f"{low} to {high}"))
        return super().integer(name, default, low=low, high=high)

    def decimal(self, name: str, default: float, *, low: float, high: float) -> float:
        self.asked.setdefault(name, (f"{default:g}", f"{low:g} to {high:g}"))
        return super().decimal(name, default, low=low, high=high)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        self.asked.setdefault(name, (default, ", ".join(allowed)))
        return super().choice(name, default, allowed)

    def optional_address(self, name: str, schemes: tuple[str, ...]) -> str | None:
        self.asked.setdefault(name, ("", ""))
        return super().optional_address(name, schemes)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    monkeypatch.setattr(Recorder, "asked", {})
    for module in (settings, agent_settings, up_settings):
        monkeypatch.setattr(module, "EnvironmentReader", Recorder)
    settings.Settings.from_env({})
    agent_settings.AgentSettings.from_env({})
    up_settings.UpSettings.read({}, [])
    return Recorder.asked


def cells(name: str) -> list[str]:
    return [cell.strip().strip("`").replace(NOTHING, "") for cell in ROWS[name].split(" | ")]


def test_defaults_and_bounds_are_those_of_the_code(asked: dict[str, tuple[str, str]]) -> None:
    assert len(asked) > 30
    assert {name: tuple(cells(name)[:2]) for name in asked} == asked


def mentioned() -> set[str]:
    """Every variable in the sources; one that ends in `_` is a beginning of names."""
    files = [
        path
        for place in SOURCES
        for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"))
        if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts
    ]
    return {name for file in files for name in re.findall(r"\bMINUET_[A-Z_]+", file.read_text())}


def test_every_variable_of_the_sources_is_there() -> None:
    unknown = mentioned() - set(ROWS)
    assert not unknown, f"docs/settings.md lacks {sorted(unknown)}"


def test_no_variable_is_there_that_nothing_reads() -> None:
    assert set(ROWS) <= mentioned()


def test_rows_say_who_reads_and_what_for() -> None:
    assert all(len(row.split(" | ")) == 4 and row.split(" | ")[3].strip() for row in ROWS.values())
