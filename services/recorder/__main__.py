"""`python -m minuet.services.recorder`: store the history of runs in Postgres."""

from __future__ import annotations

import os
import sys

import uvloop

from minuet.bus.redis import RedisBus
from minuet.model.errors import MinuetError
from minuet.service import run_service
from minuet.settings import Settings, SettingsError
from minuet.store.database import Database
from minuet.telemetry.logging import configure_logging
from minuet.telemetry.probes import ProbeServer

from .letters import DeadLetters
from .live import LiveRecorder
from .recorder import Recorder


async def serve(settings: Settings) -> None:
    bus = RedisBus.at(settings.redis.url, settings.redis.key_prefix)
    try:
        async with Database(settings.database.url, max_size=4, name="minuet-recorder") as database:
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
    """0 after a clean stop, 1 with one line on stderr if settings are no good."""
    try:
        settings = Settings.from_env(os.environ)
        configure_logging("recorder", settings.log.level)
        uvloop.run(serve(settings))
    except (MinuetError, SettingsError) as error:
        sys.stderr.write(f"recorder: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
