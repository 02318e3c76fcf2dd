"""docker-compose.yml: what can be said of it without a daemon."""

from __future__ import annotations

import re
import runpy
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .dockerfile import read_dockerfile

ROOT = Path(__file__).parents[3]
SERVERS = {"valkey", "postgres"}
LOCAL = {"up", "dev_llm"}  # for a developer's machine only
REQUIRED = ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "MINUET_API_KEY")


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """`.env`, as the script writes it into a folder."""
    shutil.copy(ROOT / ".env.example", tmp_path)
    script = runpy.run_path(str(ROOT / "scripts" / "compose_env.py"))
    assert script["main"](tmp_path) == 0
    return tmp_path / ".env"


def pairs_of(file: Path) -> dict[str, str]:
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def own(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in services.items() if name not in SERVERS}


def test_every_process_has_its_service(services: dict[str, dict[str, Any]]) -> None:
    mains = {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")} - LOCAL
    commands = {name: each["command"] for name, each in own(services).items()}
    assert commands.pop("migrate") == ["minuet.migrations"]
    assert commands == {name: [f"minuet.services.{name}"] for name in mains}


def test_servers_are_official_images_of_a_pinned_version(
    services: dict[str, dict[str, Any]],
) -> None:
    images = {name: services[name]["image"] for name in SERVERS}
    assert re.fullmatch(r"valkey/valkey:\d+\.\d+\.\d+", images["valkey"])
    assert re.fullmatch(r"postgres:\d+\.\d+", images["postgres"])
    python = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert python is not None
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", python[1])


def test_valkey_keeps_what_it_is_given(services: dict[str, dict[str, Any]]) -> None:
    command = services["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--maxmemory"] == "${VALKEY_MAXMEMORY:-1gb}"
    assert services["valkey"]["volumes"] == ["valkey:/data"]
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]


def test_everything_that_stays_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        check = service["healthcheck"]
        assert check == {"disable": True} if name == "migrate" else check["test"], name


def test_services_start_after_servers_and_migration(services: dict[str, dict[str, Any]]) -> None:
    for name, service in own(services).items():
        if name == "migrate":
            assert service["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        else:
            assert service["depends_on"] == {
                "valkey": {"condition": "service_healthy"},
                "migrate": {"condition": "service_completed_successfully"},
            }


def test_own_processes_may_do_little(services: dict[str, dict[str, Any]]) -> None:
    for name, service in own(services).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service, name
    run = read_dockerfile(ROOT / "Dockerfile")["run"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", run.last("USER"))


def test_only_the_two_doors_are_open_and_only_to_this_machine(
    services: dict[str, dict[str, Any]],
) -> None:
    doors = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert set(doors) == {"orchestrator", "fanout"}
    for (port,) in doors.values():
        assert port.startswith("${MINUET_BIND:-127.0.0.1}:")


def test_no_secret_has_a_default(text: str, services: dict[str, dict[str, Any]]) -> None:
    for name in REQUIRED:
        uses = re.findall(rf"\$\{{{name}[^}}]*\}}", text)
        assert uses
        assert all(use.startswith(f"${{{name}:?") for use in uses), uses
    example = pairs_of(ROOT / ".env.example")
    assert {name: example[name] for name in REQUIRED} == dict.fromkeys(REQUIRED, "")
    holders = [name for name, each in services.items() if "${MINUET_API_KEY" in str(each)]
    assert holders == ["orchestrator"]


def test_example_names_every_variable(text: str) -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) - {"MINUET_VERSION"}
    assert used == set(pairs_of(ROOT / ".env.example"))


def test_script_fills_secrets_and_never_writes_twice(env_file: Path) -> None:
    pairs = pairs_of(env_file)
    secrets = [pairs[name] for name in REQUIRED]
    assert len(set(secrets)) == len(REQUIRED)
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in secrets)
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    before = env_file.read_text()
    script = runpy.run_path(str(ROOT / "scripts" / "compose_env.py"))
    assert script["main"](env_file.parent) == 1
    assert env_file.read_text() == before


def test_context_holds_what_the_dockerfile_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    stages = read_dockerfile(ROOT / "Dockerfile")
    copies = [rest.split()[:-1] for name in ("site", "build") for rest in stages[name].all("COPY")]
    names = {name for each in copies for name in each}
    assert {name.split("/")[0] for name in names} == allowed
    assert all((ROOT / name).exists() for name in names)


def compose_command() -> list[str] | None:
    """Compose as a plugin of docker, or as a program of its own."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            version = [*command, "version"]
            if subprocess.run(version, capture_output=True, check=False).returncode == 0:
                return command
    return None


@pytest.fixture
def compose(tmp_path: Path) -> list[str]:
    command = compose_command()
    if command is None:
        pytest.skip("neither `docker compose` nor `docker-compose` is here: the file was not read")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    return [*command, "--file", str(tmp_path / "docker-compose.yml")]


def test_compose_reads_the_file(compose: list[str], env_file: Path) -> None:
    run = subprocess.run(
        [*compose, "config"], cwd=env_file.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    shown = yaml.safe_load(run.stdout)["services"]
    password = pairs_of(env_file)["VALKEY_PASSWORD"]
    for name in set(shown) - SERVERS:
        assert (
            shown[name]["environment"]["MINUET_REDIS_URL"] == f"redis://:{password}@valkey:6379/0"
        )
    assert password in shown["valkey"]["command"]


def test_compose_refuses_to_start_without_secrets(compose: list[str], tmp_path: Path) -> None:
    run = subprocess.run(
        [*compose, "config"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "run scripts/compose_env.py" in run.stderr
