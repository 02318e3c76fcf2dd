"""`python -m minuet.services.http_worker`."""

from __future__ import annotations

import asyncio
import os
import sys

from minuet.model.errors import MinuetError
from minuet.net import AllowList
from minuet.settings import Settings
from minuet.telemetry.logging import configure_logging
from minuet.worker.process import run_worker

from .nodes import make_client, node_specs


async def serve(settings: Settings) -> None:
    async with make_client(
        AllowList.parse(settings.network.allow), max_connections=settings.worker.slots
    ) as client:
        await run_worker(node_specs(client), settings, kind="http", env=os.environ)


def main() -> int:
    """0 after a clean stop, 1 with one line on stderr if the settings or Redis are no good."""
    try:
        settings = Settings.from_env(os.environ)
        configure_logging("http_worker", settings.log.level)
        asyncio.run(serve(settings))
    except (MinuetError, ValueError) as exc:
        sys.stderr.write(f"http_worker: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
