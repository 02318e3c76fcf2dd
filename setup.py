"""Find the packages in their four homes, and build the extensions or fall back to their references.

Everything that can be said in data stands in pyproject.toml. Two things cannot: the import root
`minuet` is spread over four folders, and the extensions are optional unless
`MINUET_REQUIRE_COMPILED=1` demands them.
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
EXTENSIONS = {
    "minuet.ir.router": "common/minuet/ir/router.pyx",
    "minuet.ir.patcher": "common/minuet/ir/patcher.pyx",
}


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
    """Compiled router and patcher. Optional: without a compiler their references serve."""
    required = os.environ.get("MINUET_REQUIRE_COMPILED") == "1"
    return [
        Extension(name, [source], optional=not required)
        for name, source in EXTENSIONS.items()
        if (ROOT / source).exists()
    ]


setup(
    package_dir=PACKAGE_DIRS,
    packages=[
        package for name, folder in PACKAGE_DIRS.items() for package in packages_below(name, folder)
    ],
    ext_modules=extensions(),
)
