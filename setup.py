"""Find the packages in their four homes, and build the router or fall back to its reference.

Everything that can be said in data stands in pyproject.toml. Two things cannot: the import root
`minuet` is spread over four folders, and the router's extension is optional unless
`MINUET_REQUIRE_COMPILED=1` demands it.
"""

import os
from pathlib import Path

from setuptools import Extension, find_namespace_packages, setup

ROOT = Path(__file__).parent
# The links in common/minuet only serve tools that cannot read this table.
PACKAGE_DIRS = {
    "minuet": "common/minuet",
    "minuet.services": "services",
    "minuet.migrations": "migrations",
    "minuet.schemas": "schemas",
}
ROUTER_SOURCE = "common/minuet/ir/router.pyx"


def packages_below(name: str, folder: str) -> list[str]:
    """The package `name` in `folder` and every folder with files below it, data included."""
    links = [link.name for link in Path(folder).iterdir() if link.is_symlink()]
    below = find_namespace_packages(
        folder, exclude=["*__pycache__*", *links, *(f"{link}.*" for link in links)]
    )
    return [
        name,
        *(f"{name}.{package}" for package in sorted(below) if holds_files(folder, package)),
    ]


def holds_files(folder: str, package: str) -> bool:
    return any(entry.is_file() for entry in Path(folder, *package.split(".")).iterdir())


def extensions() -> list[Extension]:
    """The compiled router. Optional: without a compiler the plain-Python reference serves."""
    if not (ROOT / ROUTER_SOURCE).exists():
        return []
    required = os.environ.get("MINUET_REQUIRE_COMPILED") == "1"
    return [Extension("minuet.ir.router", [ROUTER_SOURCE], optional=not required)]


setup(
    package_dir=PACKAGE_DIRS,
    packages=[
        package for name, folder in PACKAGE_DIRS.items() for package in packages_below(name, folder)
    ],
    ext_modules=extensions(),
)
