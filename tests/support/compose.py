"""What Compose makes of docker-compose.yml: read by Compose itself."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from .programs import find_program

ROOT = Path(__file__).parents[2]
FILES = ("docker-compose.yml", ".env.example")
READ_S = 60


def compose_programs() -> list[list[str]]:
    """Every Compose of this machine, as the words to call it with."""
    return [line.split() for line in find_program("install_compose.sh", "COMPOSE TEST")]


def write_env(folder: Path) -> Path:
    """`.env`, as the script writes it into a folder; the Compose file stands beside it."""
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    script = runpy.run_path(str(ROOT / "scripts" / "compose_env.py"))
    assert script["main"](folder) == 0
    return folder / ".env"


def config(program: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`docker-compose config`, for the files in `folder`."""
    return subprocess.run(
        [*program, "--file", "docker-compose.yml", "config"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=READ_S,
        check=False,
    )


def read_services(program: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """The services, with every variable in place."""
    done = config(program, folder)
    assert done.returncode == 0, done.stderr
    services: dict[str, dict[str, Any]] = yaml.safe_load(done.stdout)["services"]
    return services
