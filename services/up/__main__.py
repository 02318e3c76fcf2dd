"""`python -m minuet.services.up`: start a local suite and watch over it."""

from __future__ import annotations

import os
import sys

from .plan import DEFAULT_PLAN
from .supervisor import run_suite


def main() -> int:
    return run_suite(os.environ, sys.argv[1:], DEFAULT_PLAN)


if __name__ == "__main__":
    sys.exit(main())
