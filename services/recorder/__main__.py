"""`python -m minuet.services.recorder`: store the history of runs in Postgres."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from minuet.bus.servers import bus_at
from minuet.process import run_process
from minuet.service import run_service
from minuet.settings import Settings
from minuet.store.database import Database
from minuet.telemetry.probes import ProbeServer

from .letters import DeadLetters
from .live import LiveRecorder
from .recorder import Recorder


async def serve(settings: Settings, env: Mapping[str, str]) -> None:
    bus = bus_at(settings.redis.url, settings.redis.key_prefix)
    try:
        async with Database(
            settings.database.url, max_size=4, name="minuet-recorder", plan_anew=True
        ) as database:
            recorder = Recorder(database, bus, blob_ttl_s=settings.blob.cache_ttl_s)
            duties = {
                "recorder": recorder.run,
                "letters": DeadLetters(database, bus).run,
                "live": LiveRecorder(database, bus).run,
            }
            probes = settings.metrics
            async with ProbeServer(probes.host, probes.port, lambda: recorder.trouble):
                await run_service("recorder", duties, drain_s=settings.drain.timeout_s)
    finally:
        await bus.close()


def main() -> int:
    return run_process("recorder", serve)


if __name__ == "__main__":
    sys.exit(main())
