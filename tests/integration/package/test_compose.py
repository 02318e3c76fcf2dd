"""docker-compose.yml: what can be said of it without a daemon."""

from __future__ import annotations

import re
import runpy
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.compose import compose_programs, config, read_services, write_env

from .dockerfile import read_dockerfile

ROOT = Path(__file__).parents[3]
SERVERS = {"valkey", "postgres"}
LOCAL = {"up", "dev_llm"}  # for a developer's machine only
REQUIRED = ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "MINUET_API_KEY", "MINUET_AGENT_KEY")
HOLDERS = {
    "MINUET_API_KEY": {"orchestrator"},
    "MINUET_AGENT_KEY": {"orchestrator", "agent_runner"},
}


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return write_env(tmp_path)


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
    for key, holders in HOLDERS.items():
        assert {name for name, each in services.items() if f"${{{key}:" in str(each)} == holders


def test_example_names_every_variable(text: str) -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) - {"MINUET_VERSION"}
    assert used == set(pairs_of(ROOT / ".env.example"))


def fill(folder: Path) -> None:
    assert runpy.run_path(str(ROOT / "scripts" / "compose_env.py"))["main"](folder) == 0


def test_script_fills_secrets_and_never_changes_one(env_file: Path) -> None:
    pairs = pairs_of(env_file)
    secrets = [pairs[name] for name in REQUIRED]
    assert len(set(secrets)) == len(REQUIRED)
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in secrets)
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    before = env_file.read_text()
    fill(env_file.parent)
    assert env_file.read_text() == before


def test_script_gives_an_older_env_the_secret_that_it_lacks(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    file = tmp_path / ".env"
    file.write_text("POSTGRES_PASSWORD=old\nVALKEY_PASSWORD=old\nMINUET_API_KEY=\nMINE=1")
    fill(tmp_path)
    pairs = pairs_of(file)
    assert (pairs["POSTGRES_PASSWORD"], pairs["VALKEY_PASSWORD"], pairs["MINE"]) == (
        "old",
        "old",
        "1",
    )
    assert len({pairs["MINUET_API_KEY"], pairs["MINUET_AGENT_KEY"]} - {""}) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_context_holds_what_the_dockerfile_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    stages = read_dockerfile(ROOT / "Dockerfile")
    copies = [rest.split()[:-1] for name in ("site", "build") for rest in stages[name].all("COPY")]
    names = {name for each in copies for name in each}
    assert {name.split("/")[0] for name in names} == allowed
    assert all((ROOT / name).exists() for name in names)


def test_compose_reads_the_file(env_file: Path) -> None:
    pairs = pairs_of(env_file)
    for program in compose_programs():
        shown = read_services(program, env_file.parent)
        for name in set(shown) - SERVERS:
            url = shown[name]["environment"]["MINUET_REDIS_URL"]
            assert url == f"redis://:{pairs['VALKEY_PASSWORD']}@valkey:6379/0"
        assert pairs["VALKEY_PASSWORD"] in shown["valkey"]["command"]


@pytest.mark.parametrize("secret", REQUIRED)
def test_compose_refuses_to_start_without_a_secret(env_file: Path, secret: str) -> None:
    env_file.write_text(re.sub(rf"^{secret}=.*$", "", env_file.read_text(), flags=re.MULTILINE))
    for program in compose_programs():
        done = config(program, env_file.parent)
        assert done.returncode != 0
        assert "run scripts/compose_env.py" in done.stderr
