"""`python -m minuet.services.http_worker`."""

from __future__ import annotations

import os
import sys

import uvloop

from minuet.model.errors import MinuetError
from minuet.net import AllowList
from minuet.settings import Settings, SettingsError
from minuet.telemetry.logging import configure_logging
from minuet.worker.process import run_worker

from .nodes import make_client, node_specs


async def serve(settings: Settings, allow: AllowList) -> None:
    """Run until a signal comes."""
    async with make_client(allow, max_connections=settings.worker.slots) as client:
        await run_worker(node_specs(client), settings, kind="http", env=os.environ)


def main() -> int:
    """0 after a clean stop, 2 for bad settings, 1 for an address of Redis that cannot be read; one
    line on stderr."""
    try:
        settings = Settings.from_env(os.environ)
        allow = AllowList.parse(settings.network.allow)
    except (SettingsError, ValueError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    configure_logging("http_worker", settings.log.level)
    try:
        uvloop.run(serve(settings, allow))
    except MinuetError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
