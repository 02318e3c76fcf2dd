"""`python -m minuet.services.fanout`: show runs live."""

from __future__ import annotations

import os
import sys

import uvloop

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.model.errors import MinuetError
from minuet.service import run_service
from minuet.settings import Settings
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from minuet.telemetry.logging import configure_logging
from minuet.telemetry.probes import ProbeServer

from .fanout import Fanout


async def serve(settings: Settings) -> None:
    bus = RedisBus.at(settings.redis.url, settings.redis.key_prefix)
    try:
        async with Database(settings.database.url, max_size=8, name="minuet-fanout") as database:
            cas = DurableCas(Cas(bus, Blobs(database), ttl_s=settings.blob.cache_ttl_s))
            fanout = Fanout(settings.fanout, database, bus, cas)
            probes = settings.metrics
            async with ProbeServer(probes.host, probes.port, lambda: fanout.trouble):
                await run_service("fanout", fanout.duties(), drain_s=settings.drain.timeout_s)
    finally:
        await bus.close()


def main() -> int:
    """0 after a clean stop, 1 with one line on stderr if settings or the port are no good."""
    try:
        settings = Settings.from_env(os.environ)
        configure_logging("fanout", settings.log.level)
        uvloop.run(serve(settings))
    except MinuetError as error:
        sys.stderr.write(f"fanout: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
