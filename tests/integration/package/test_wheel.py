"""What a user installs: the wheel holds every file of the four folders, and only `minuet`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOMES = {
    "common/minuet": "minuet",
    "services": "minuet/services",
    "migrations": "minuet/migrations",
    "schemas": "minuet/schemas",
}
IGNORED = ("__pycache__", "*.so", "*.c", "*.egg-info")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the sources, in a path with a space, built without the network."""
    source = tmp_path_factory.mktemp("the source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    for folder in HOMES:
        ignore = shutil.ignore_patterns(*IGNORED)
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=ignore)
    target = source / "dist"
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(target)!r})"
    subprocess.run(
        [sys.executable, "-c", build],
        cwd=source,
        check=True,
        timeout=300,
        env={**os.environ, "CFLAGS": "-O0"},
        stdout=subprocess.DEVNULL,
    )
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def source_files() -> set[str]:
    """Every source file, under the name that it should have in the wheel."""
    return {
        f"{package}/{path.relative_to(ROOT / folder)}"
        for folder, package in HOMES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix not in (".so", ".c", ".pyc")
        and not path.name.startswith(".")
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_wheel_holds_every_source_file(wheel: zipfile.ZipFile) -> None:
    assert source_files() - set(wheel.namelist()) == set()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_wheel_puts_only_minuet_into_site_packages(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"minuet"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_wheel_imports_alike(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked somewhere else and first on the path, everything comes from there."""
    wheel.extractall(tmp_path)
    modules = ["minuet", "minuet.services.up.suite", "minuet.migrations", "minuet.schemas"]
    script = f"import importlib\nfor m in {modules!r}: print(importlib.import_module(m).__file__)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    files = run.stdout.split()
    assert len(files) == len(modules)
    assert all(Path(file).is_relative_to(tmp_path) for file in files)
