"""`python -m minuet.services.http_worker`."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Mapping
from typing import Any

from minuet.net import AllowList
from minuet.process import run_process
from minuet.settings import Settings
from minuet.worker.process import run_worker

from .nodes import make_client, node_specs


async def serve(settings: Settings, allow: AllowList, env: Mapping[str, str]) -> None:
    """Run until a signal comes."""
    async with make_client(allow, max_connections=settings.worker.slots) as client:
        await run_worker(node_specs(client), settings, kind="http", env=env)


def prepare(settings: Settings, env: Mapping[str, str]) -> Coroutine[Any, Any, None]:
    """Raises ValueError for an allow-list that cannot be read."""
    return serve(settings, AllowList.parse(settings.network.allow), env)


def main() -> int:
    return run_process("http_worker", prepare)


if __name__ == "__main__":
    sys.exit(main())
