"""Pages hold together: links resolve, and blocks in a language are of that language."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from typer.main import get_command

from minuet.cli.app import app
from minuet.ir.compile import compile_document
from minuet.model.yaml import parse_yaml

ROOT = Path(__file__).parents[3]
SKIPPED = {"node_modules", ".venv", "build", "dist", ".git", ".minuet"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\. .*&& )?minuet ([a-z][\w-]*)(?: ([a-z][\w-]*))?", re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(language: str, *, but: str = "") -> list[ParameterSet]:
    """Blocks of all pages but one."""
    return [
        pytest.param(text, id=f"{name(page)}:{i}")
        for page in PAGES
        if name(page) != but
        for i, (marked, text) in enumerate(BLOCK.findall(page.read_text()))
        if marked == language
    ]


def anchors(page: Path) -> set[str]:
    """What the headings of a page are linked by."""
    text = BLOCK.sub("", page.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=name)
def test_the_map_names_every_page(page: Path) -> None:
    assert page.name == "README.md" or f"({page.name})" in (ROOT / "docs" / "README.md").read_text()


@pytest.mark.parametrize("text", blocks("python"))
def test_python_is_python(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minuet"):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("text", blocks("sh"))
def test_shell_is_shell(text: str) -> None:
    subprocess.run(["bash", "-n"], input=text.encode(), check=True, timeout=10)
    targets = re.findall(r"^make ([a-z]+)", text, re.MULTILINE)
    assert set(targets) <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for module in re.findall(r"python3? -m (minuet[\w.]*)", text):
        assert importlib.util.find_spec(module)


# The examples of that page have node types and workflows of their own: they run, in
# tests/unit/testing/test_constructs_page.py.
@pytest.mark.parametrize("text", blocks("yaml", but="docs/constructs.md"))
def test_yaml_is_yaml_and_whole_documents_compile(text: str) -> None:
    value = parse_yaml(text)
    if isinstance(value, dict) and "apiVersion" in value:
        assert compile_document(value, {}).diagnostics == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path) -> None:
    """Lines of blocks that start with `minuet`."""
    known: Any = get_command(app)
    for _, text in BLOCK.findall(page.read_text()):
        for word, second in COMMAND.findall(text):
            command = known.commands.get(word)
            assert command is not None, f"minuet {word}"
            if hasattr(command, "commands"):
                assert second in command.commands, f"minuet {word} {second}"
