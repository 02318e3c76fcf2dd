"""What the README tells people to type does what it shows, word for word."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minuet.client import Client
from tests.suite import Suite
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COPIED = ("README.md", "examples")

# The services of the example have a port of their own, so nothing else may run the example.
pytestmark = [pytest.mark.e2e, pytest.mark.serial]


def blocks(heading: str, language: str) -> list[str]:
    """The fenced blocks of one language below a heading."""
    section = re.split(r"^## ", README, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def without_durations(text: str) -> str:
    return re.sub(r"\b[\d.]+ (ms|s)$", "<duration>", text, flags=re.MULTILINE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder as a person has it after `make up`: the sources, and the environment in `.venv`."""
    folder = tmp_path / "a copy"
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return folder


def environment() -> dict[str, str]:
    """A person's: no setting of a suite, and no environment that is active already."""
    path = os.environ["PATH"].replace(f"{sys.prefix}/bin:", "")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MINUET_", "VIRTUAL_ENV"))}
    return kept | {"PATH": path}


@contextmanager
def terminal(script: str, folder: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A shell in which `script` goes on; at the end everything in it is stopped by Ctrl-C."""
    with output.open("wb") as out:
        shell = subprocess.Popen(
            ["bash", "-c", script], cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield shell
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(15)


def test_the_two_commands_come_first() -> None:
    first = re.search(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == [
        "make up",
        "make test",
    ]


def test_the_links_lead_somewhere() -> None:
    written = re.findall(r"\]\(([^)#]+)\)|src(?:set)?=\"([^\"]+)\"", README)
    links = [link or image for link, image in written if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.timeout(180)
def test_the_example_ends_as_it_is_shown(copy: Path) -> None:
    serving, running = blocks("An example", "sh")
    (shown,) = blocks("An example", "text")
    output = copy / "second terminal"
    with Suite(copy / ".minuet", fresh=True) as suite, terminal(serving, copy, output) as shell:

        def worker_is_known() -> bool:
            assert shell.poll() is None, output.read_text()
            with Client(suite.url, suite.api_key) as client:
                return any("rate_lead" in worker.types for worker in client.workers())

        until(worker_is_known, "the worker has told of itself", 30)
        done = subprocess.run(
            ["bash", "-e", "-c", running], cwd=copy, env=environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert without_durations(done.stdout) == without_durations(shown)
    assert done.stderr == ""
