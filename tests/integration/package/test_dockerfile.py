"""The install and start commands of the Dockerfile, in a clean environment of this machine.

Paths of the image become paths in a temporary folder. What only makes sense as root in an image
(packages of the system, the user) is left out; the image itself is not built.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from minuet.client import Client
from tests.support.compose import compose_programs, read_services, write_env
from tests.support.waiting import until

from .containers import Container, containers
from .dockerfile import Stage, read_dockerfile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

ROOT = Path(__file__).parents[3]
ONLY_IN_AN_IMAGE = ("apt-get ", "groupadd ")
IMAGE_PATHS = ("/src", "/dist", "/opt/minuet")
UNWANTED = shutil.ignore_patterns("__pycache__", "*.so", "*.c", "*.egg-info")
# Of the surroundings only what the installer may need to reach its registry and its cache.
KEPT = ("HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
KEPT_PREFIXES = ("PIP_", "UV_", "HTTP", "http", "NO_PROXY", "no_proxy", "XDG_")


def surroundings() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or name.startswith(KEPT_PREFIXES)
    }


class Image:
    """The image's file system, as far as the Dockerfile uses it, below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stages = read_dockerfile(ROOT / "Dockerfile")
        self._python = root / "python image"
        subprocess.run([sys.executable, "-m", "venv", str(self._python)], check=True, timeout=120)

    def mapped(self, text: str) -> str:
        for path in IMAGE_PATHS:
            text = text.replace(path, f"{self.root}{path}")
        return text

    def build(self) -> None:
        """Every step of the build stage, in order."""
        folder = self.root
        for instruction, rest in self.stages["build"].steps:
            if instruction == "WORKDIR":
                folder = Path(self.mapped(rest))
                folder.mkdir(parents=True)
            elif instruction == "COPY":
                *sources, _ = rest.split()
                for source in sources:
                    copy_in(ROOT / source, folder / source)
            elif instruction == "RUN" and not rest.startswith(ONLY_IN_AN_IMAGE):
                self._run(rest, folder)

    def _run(self, command: str, folder: Path) -> None:
        path = f"{self._python / 'bin'}:{os.environ['PATH']}"
        run = subprocess.run(
            ["sh", "-ec", self.mapped(command)],
            cwd=folder,
            env=surroundings() | {"PATH": path, "CFLAGS": "-O0"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"

    def command(self, words: list[str]) -> tuple[list[str], dict[str, str]]:
        """What runs in place of `words` in a container, and the image's environment."""
        env = {name: self.mapped(value) for name, value in self.stages["run"].environment().items()}
        env["PATH"] = env["PATH"].replace("$PATH", "/usr/bin:/bin")
        found = shutil.which(words[0], path=env["PATH"])
        assert found == self.mapped(f"/opt/minuet/bin/{words[0]}")
        return [found, *words[1:]], env

    def start(self, container: Container, log: Path) -> subprocess.Popen[bytes]:
        """A container's process: the environment of image and Compose, and nothing of this one."""
        entrypoint = self.stages["run"].last_list("ENTRYPOINT")
        words, env = self.command([*entrypoint, *container.command])
        folder = self.root / "tmp"
        folder.mkdir(exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                words, cwd=folder, env=env | container.env, stdout=output, stderr=output
            )

    def is_healthy(self, container: Container) -> bool:
        """What the container's own health check says."""
        words, env = self.command(container.health_check)
        return subprocess.run(words, env=env, capture_output=True, check=False).returncode == 0


def copy_in(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=UNWANTED)
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    made = Image(tmp_path_factory.mktemp("image"))
    made.build()
    return made


@pytest.fixture
def services(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """docker-compose.yml, as Compose understands it with an `.env` of the script."""
    write_env(tmp_path)
    return read_services(compose_programs()[0], tmp_path)


@pytest.fixture
def suite(
    services: dict[str, dict[str, Any]], valkey_url: str, empty_database_url: str, key_prefix: str
) -> dict[str, Container]:
    """What Compose would start, with the embedded servers in place of its own."""
    servers = {
        "MINUET_REDIS_URL": valkey_url,
        "MINUET_KEY_PREFIX": key_prefix,
        "MINUET_DATABASE_URL": empty_database_url,
    }
    return containers(services, servers)


@pytest.fixture
def processes() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    started: dict[str, subprocess.Popen[bytes]] = {}
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def test_the_build_holds_the_compiled_extensions_and_no_tools(image: Image) -> None:
    packages = image.root / "opt/minuet/lib"
    assert {path.name.split(".")[0] for path in packages.rglob("minuet/ir/*.so")} == {
        "router",
        "patcher",
    }
    installed = {path.name.split("-")[0] for path in packages.rglob("*.dist-info")}
    assert {"minuet", "granian", "msgspec"} <= installed
    assert not installed & {"pytest", "mypy", "hypothesis", "uv", "cython"}


def test_the_default_command_is_the_api(image: Image, services: dict[str, dict[str, Any]]) -> None:
    stage: Stage = image.stages["run"]
    assert stage.last_list("CMD") == services["orchestrator"]["command"]


def test_the_suite_of_compose_starts_and_stops_as_the_image_would(
    image: Image,
    suite: dict[str, Container],
    processes: dict[str, subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    migrate = image.start(suite.pop("migrate"), tmp_path / "migrate.log")
    assert migrate.wait(timeout=60) == 0, (tmp_path / "migrate.log").read_text()
    assert "coordinator-2" in suite
    for name, container in suite.items():
        processes[name] = image.start(container, tmp_path / f"{name}.log")
    for name, container in suite.items():
        until(partial(image.is_healthy, container), f"{name} is healthy", timeout_s=90)
        assert processes[name].poll() is None, (tmp_path / f"{name}.log").read_text()
    agents_key_is_good(suite["agent_runner"])
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    codes = {name: process.wait(timeout=30) for name, process in processes.items()}
    assert codes == dict.fromkeys(suite, 0)


def agents_key_is_good(runner: Container) -> None:
    """With the address and the key that it was given, the agent runner is known as an agent."""
    with Client(runner.env["MINUET_URL"], runner.env["MINUET_API_KEY"]) as client:
        assert client.info().principal == "agent"
