"""Say whether router and patcher are compiled; fail if that is demanded and one of them is not.

`MINUET_REQUIRE_COMPILED=1` demands it.
"""

import importlib.util
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

EXTENSIONS = {"Router": "minuet.ir.router", "Patcher": "minuet.ir.patcher"}


def is_compiled(module: str) -> bool:
    """Whether the extension lies beside its package; nothing is imported."""
    package = importlib.util.find_spec("minuet")
    if package is None or not package.submodule_search_locations:
        return False
    below = "/".join(module.split(".")[1:])
    return any(
        Path(folder, below + suffix).is_file()
        for folder in package.submodule_search_locations
        for suffix in EXTENSION_SUFFIXES
    )


def main() -> int:
    missing = [name for name, module in EXTENSIONS.items() if not is_compiled(module)]
    for name in EXTENSIONS:
        if name not in missing:
            print(f"{name}: compiled")
    if missing and os.environ.get("MINUET_REQUIRE_COMPILED") == "1":
        names = " and ".join(missing)
        print(f"{names} not compiled, but MINUET_REQUIRE_COMPILED=1 demands it", file=sys.stderr)
        return 1
    for name in missing:
        print(
            f"{name}: plain-Python reference (slower). "
            "Install a C compiler and run `make setup` again."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
