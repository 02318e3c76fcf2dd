"""The command starts quickly: what is heavy is imported by the commands that need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Each takes longer to import than a person should wait for `minuet --help`.
HEAVY = (
    "httpx", "litestar", "sqlalchemy", "asyncpg", "redis", "alembic", "structlog", "stamina",
    "jsonschema", "jsonschema_rs", "yaml", "cel_expr_python", "prometheus_client", "asyncio",
)  # fmt: skip


def imported_by(*arguments: str) -> set[str]:
    script = (
        "import sys\n"
        f"sys.argv = ['minuet', *{list(arguments)!r}]\n"
        "from minuet.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as exc:\n    assert not exc.code, exc.code\n"
        "print('\\n' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["version", "--json"]])
def test_the_version_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments).isdisjoint(HEAVY)


def test_the_plain_version_spares_even_the_parser() -> None:
    assert imported_by("version").isdisjoint({"typer", "rich", "pydantic"})


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["run", "start", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments).isdisjoint(set(HEAVY) - {"asyncio"})
