"""Programs that are not of the Python packages: found, or installed where that may be done."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
INSTALL_S = 300


def find_program(script: str, tests: str) -> list[str]:
    """What the installer `script` prints, by lines. Where it finds nothing and may install
    nothing, the test fails in CI, and is skipped elsewhere, saying that none of `tests` was run."""
    done = subprocess.run(
        [str(SCRIPTS / script)], capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode == 0:
        return done.stdout.splitlines()
    reason = f"NO {tests} WAS RUN: {done.stderr.strip()}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
