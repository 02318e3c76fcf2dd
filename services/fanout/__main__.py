"""`python -m minuet.services.fanout`: show runs live."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from minuet.bus.servers import bus_at
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.process import run_process
from minuet.service import run_service
from minuet.settings import Settings
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from minuet.telemetry.probes import ProbeServer

from .fanout import Fanout


async def serve(settings: Settings, env: Mapping[str, str]) -> None:
    bus = bus_at(settings.redis.url, settings.redis.key_prefix)
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
    return run_process("fanout", serve)


if __name__ == "__main__":
    sys.exit(main())
