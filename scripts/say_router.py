"""Say which router an installation has; fail if the compiled one is demanded and missing.

`MINUET_REQUIRE_COMPILED=1` demands it.
"""

import importlib.util
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES


def is_router_compiled() -> bool:
    """Whether the extension can be found; it is not loaded."""
    spec = importlib.util.find_spec("minuet.ir.router")
    return bool(spec and spec.origin and spec.origin.endswith(tuple(EXTENSION_SUFFIXES)))


def main() -> int:
    if is_router_compiled():
        print("Router: compiled")
        return 0
    if os.environ.get("MINUET_REQUIRE_COMPILED") == "1":
        print("Router: not compiled, but MINUET_REQUIRE_COMPILED=1 demands it", file=sys.stderr)
        return 1
    print(
        "Router: plain-Python reference (slower). Install a C compiler and run `make setup` again."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
