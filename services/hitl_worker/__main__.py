"""`python -m minuet.services.hitl_worker`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from minuet.process import run_process
from minuet.settings import Settings
from minuet.worker.hitl import hitl_spec
from minuet.worker.process import run_worker


async def serve(settings: Settings, env: Mapping[str, str]) -> None:
    """Run until a signal comes."""
    await run_worker([hitl_spec()], settings, kind="hitl", env=env)


def main() -> int:
    return run_process("hitl_worker", serve)


if __name__ == "__main__":
    sys.exit(main())
