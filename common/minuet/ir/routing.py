"""Chooses the router: the compiled one, or without it the reference, said once in the log.

With MINUET_REQUIRE_COMPILED=1 in the environment of the *build* a missing extension fails the
build; at run time `is_compiled()` tells which is loaded.
"""

from __future__ import annotations

import warnings

try:
    from .router import Frontier, Router, is_compiled
except ModuleNotFoundError:  # built without a C compiler
    from .reference import Frontier, Router, is_compiled  # type: ignore[assignment]

    warnings.warn(
        "minuet runs on its plain-Python router: build with a C compiler for the fast one",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = ["Frontier", "Router", "is_compiled"]
