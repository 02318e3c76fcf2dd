"""The install and start commands of the Dockerfile, in a clean environment of this machine.

Paths of the image become paths in a temporary folder. What only makes sense as root in an image
(packages of the system, the user) is left out; the image itself is not built.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.support.waiting import until

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

    def start(self, command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """A container's process: the image's environment and nothing of this one."""
        stage = self.stages["run"]
        image_env = {name: self.mapped(value) for name, value in stage.environment().items()}
        image_env["PATH"] = image_env["PATH"].replace("$PATH", "/usr/bin:/bin")
        program, *arguments = [*stage.last_list("ENTRYPOINT"), *command]
        found = shutil.which(program, path=image_env["PATH"])
        assert found == self.mapped(f"/opt/minuet/bin/{program}")
        folder = self.root / "tmp"
        folder.mkdir(exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                [found, *arguments], cwd=folder, env=image_env | env, stdout=output, stderr=output
            )


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
def env(valkey_url: str, empty_database_url: str, key_prefix: str) -> dict[str, str]:
    """What docker-compose.yml gives to every process, with servers and ports of this test."""
    return {
        "MINUET_REDIS_URL": valkey_url,
        "MINUET_KEY_PREFIX": key_prefix,
        "MINUET_DATABASE_URL": empty_database_url,
        "MINUET_BOOTSTRAP_API_KEY": "a-key-of-this-test",
        "MINUET_DRAIN_TIMEOUT_S": "3",
    }


@pytest.fixture
def processes() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    started: dict[str, subprocess.Popen[bytes]] = {}
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def commands() -> dict[str, list[str]]:
    """Of our own services in docker-compose.yml."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {
        name: each["command"]
        for name, each in services.items()
        if each.get("command", [""])[0].startswith("minuet.")
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_the_build_holds_the_compiled_extensions_and_no_tools(image: Image) -> None:
    packages = image.root / "opt/minuet/lib"
    assert {path.name.split(".")[0] for path in packages.rglob("minuet/ir/*.so")} == {
        "router",
        "patcher",
    }
    installed = {path.name.split("-")[0] for path in packages.rglob("*.dist-info")}
    assert {"minuet", "granian", "msgspec"} <= installed
    assert not installed & {"pytest", "mypy", "hypothesis", "uv", "cython"}


def test_the_default_command_is_the_api(image: Image) -> None:
    stage: Stage = image.stages["run"]
    assert stage.last_list("CMD") == commands()["orchestrator"]


@pytest.mark.serial
def test_every_service_starts_and_stops_as_the_image_would(
    image: Image,
    env: dict[str, str],
    processes: dict[str, subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    wanted = commands()
    migrate = image.start(wanted.pop("migrate"), env, tmp_path / "migrate.log")
    assert migrate.wait(timeout=60) == 0, (tmp_path / "migrate.log").read_text()
    probes: dict[str, int] = {}
    for name, command in wanted.items():
        ports = {
            variable: str(free_port())
            for variable in ("MINUET_PORT", "MINUET_FANOUT_PORT", "MINUET_METRICS_PORT")
        }
        own = "MINUET_PORT" if name == "orchestrator" else "MINUET_METRICS_PORT"
        probes[name] = int(ports[own])
        processes[name] = image.start(command, env | ports, tmp_path / f"{name}.log")
    for name, port in probes.items():
        until(partial(is_ready, port), f"{name} is ready", timeout_s=90)
        assert processes[name].poll() is None, (tmp_path / f"{name}.log").read_text()
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    codes = {name: process.wait(timeout=30) for name, process in processes.items()}
    assert codes == dict.fromkeys(wanted, 0)
