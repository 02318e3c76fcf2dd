"""`python -m minuet.worker my_module`."""

import sys

from .main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
