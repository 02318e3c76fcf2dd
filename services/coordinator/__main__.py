"""`python -m minuet.services.coordinator`."""

from __future__ import annotations

import gc
import os
import sys

import uvloop

from minuet.bus.servers import bus_at, thread_bus_at
from minuet.cas.cas import Cas
from minuet.model.errors import MinuetError
from minuet.service import run_service
from minuet.settings import Settings, SettingsError
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from minuet.telemetry.logging import configure_logging
from minuet.telemetry.probes import ProbeServer

from .coordinator import Coordinator

# Containers that may come between two looks for cycles: runs in memory are many and hold none, and
# every look walks over them.
GC_AFTER = 50_000


async def serve(settings: Settings) -> None:
    """Run until a signal comes."""
    gc.set_threshold(GC_AFTER, 20, 20)
    bus = bus_at(settings.redis.url, settings.redis.key_prefix)
    renewer = thread_bus_at(settings.redis.url, settings.redis.key_prefix)
    database = await Database(settings.database.url, max_size=2, name="coordinator").open()
    coordinator = Coordinator(
        bus,
        renewer,
        Cas(bus, Blobs(database), ttl_s=settings.blob.cache_ttl_s),
        settings.coordinator,
    )
    metrics = settings.metrics
    probes = ProbeServer(metrics.host, metrics.port, lambda: bus.trouble or coordinator.trouble)
    try:
        async with probes:
            duties = {"coordinate": coordinator.run}
            await run_service("coordinator", duties, drain_s=settings.drain.timeout_s)
    finally:
        await bus.close()
        renewer.close()
        await database.close()


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return 2
    configure_logging("coordinator", settings.log.level)
    try:
        uvloop.run(serve(settings))
    except MinuetError as exc:  # an address that cannot be read
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
