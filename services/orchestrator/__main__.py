"""`python -m minuet.services.orchestrator`"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog
import uvloop

from minuet.bus.redis import RedisBus
from minuet.bus.servers import connected_bus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.model.errors import BusUnavailable, MinuetError, Unavailable
from minuet.service import Duty, run_service, stopped_within
from minuet.settings import Settings
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from minuet.telemetry.logging import configure_logging
from minuet.telemetry.probes import ProbeServer

from .app import create_app
from .core import Core, assemble
from .serving import check_port, serve

log = structlog.get_logger(__name__)

RETRY_S = 0.5


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
        check_port(settings.orchestrator.host, settings.orchestrator.port)
    except MinuetError as error:
        sys.stderr.write(f"minuet orchestrator: {error}\n")
        return 1
    configure_logging("orchestrator", settings.log.level)
    try:
        uvloop.run(run(settings))
    except UnfitServer as error:
        sys.stderr.write(f"minuet orchestrator: {error}\n")
        return 1
    return 0


class UnfitServer(MinuetError):
    """Redis may lose what it accepted, by its settings."""

    code = "unfit_server"


async def run(settings: Settings) -> None:
    async with Database(
        settings.database.url, max_size=settings.database.pool_size, name="orchestrator"
    ) as db:
        bus = await _connect(settings)
        try:
            if faults := (await bus.server_info()).faults():
                raise UnfitServer("Redis cannot be used: " + "; ".join(faults))
            cas = DurableCas(Cas(bus, Blobs(db), ttl_s=settings.blob.cache_ttl_s))
            core = assemble(
                settings.orchestrator, db, bus, cas, settings.fanout, settings.retention
            )
            await _run(settings, core)
        finally:
            await bus.close()


async def _connect(settings: Settings) -> RedisBus:
    """Wait for Redis: a process may start while it is away."""
    while True:
        try:
            return await connected_bus(settings.redis.url, settings.redis.key_prefix)
        except BusUnavailable as error:
            log.warning("redis_away", reason=str(error))
            await asyncio.sleep(RETRY_S)


async def _run(settings: Settings, core: Core) -> None:
    ready = asyncio.Event()
    probes = ProbeServer(
        settings.metrics.host,
        settings.metrics.port,
        lambda: None if ready.is_set() else "Postgres or Redis is away",
    )
    duties: dict[str, Duty] = {
        name: partial(_until_stopped, duty) for name, duty in core.duties().items()
    }
    duties["api"] = partial(_serve, settings, core, ready)
    async with probes:
        await run_service("orchestrator", duties, drain_s=settings.drain.timeout_s)


async def _serve(settings: Settings, core: Core, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Answer once what every request needs is known, so that a start waits for its servers."""
    while not stop.is_set():
        try:
            await core.prepare()
            break
        except Unavailable as error:
            log.warning("not_ready", code=error.code, reason=str(error))
            await stopped_within(stop, RETRY_S)
    if stop.is_set():
        return
    ready.set()
    host, port = settings.orchestrator.host, settings.orchestrator.port
    log.info("serving", host=host, port=port)
    await serve(create_app(core), host, port, stop)
    ready.clear()
    await core.drain()


async def _until_stopped(duty: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Run a duty that never ends by itself; cancel it when the process is to stop."""
    task = asyncio.ensure_future(duty)
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        waiting.cancel()
        task.cancel()


if __name__ == "__main__":
    sys.exit(main())
