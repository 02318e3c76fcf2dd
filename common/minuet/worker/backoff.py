"""Waiting while something heals itself."""

from __future__ import annotations

import asyncio
import random

FIRST_S = 0.05
LONGEST_S = 5.0


class Backoff:
    """Doubling waits with full jitter; `reset` after a success."""

    def __init__(self) -> None:
        self.failures = 0

    def reset(self) -> None:
        self.failures = 0

    async def wait(self) -> None:
        self.failures += 1
        longest = min(LONGEST_S, FIRST_S * 2 ** min(self.failures, 10))
        await asyncio.sleep(random.uniform(longest / 4, longest))
