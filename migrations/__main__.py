"""`python -m minuet.migrations`: bring MINUET_DATABASE_URL to the newest schema."""

from __future__ import annotations

import asyncio
import os
import sys

from .upgrade import upgrade


def main() -> int:
    url = os.environ.get("MINUET_DATABASE_URL")
    if not url:
        print("MINUET_DATABASE_URL is not set", file=sys.stderr)
        return 2
    asyncio.run(upgrade(url))
    return 0


if __name__ == "__main__":
    sys.exit(main())
