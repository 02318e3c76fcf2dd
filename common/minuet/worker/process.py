"""A worker as a process: connections, probes, signals. Shared by `minuet worker` and services."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping

import structlog

from minuet.bus.redis import RedisBus
from minuet.bus.servers import bus_at, thread_bus_at
from minuet.cas.cas import Cas
from minuet.service import run_service
from minuet.settings import Settings
from minuet.telemetry.probes import ProbeServer

from .options import WorkerOptions
from .registry import NodeSpec
from .runtime import Worker
from .secrets import Secrets

log = structlog.get_logger()

MakeNodes = Callable[[RedisBus, Cas], Iterable[NodeSpec]]


def options_from(settings: Settings, kind: str) -> WorkerOptions:
    worker = settings.worker
    return WorkerOptions(
        slots=worker.slots,
        lease_ms=worker.lease_ms,
        heartbeat_ms=worker.heartbeat_ms,
        max_deliveries=worker.max_deliveries,
        drain_s=settings.drain.timeout_s,
        inline_limit_bytes=settings.blob.inline_limit_bytes,
        kind=kind,
    )


async def run_worker(
    nodes: Iterable[NodeSpec] | MakeNodes, settings: Settings, *, kind: str, env: Mapping[str, str]
) -> Worker:
    """Serve until SIGTERM or SIGINT, then drain. A Redis that is not there is waited for. `env`
    gives the secrets. Nodes that need the bus or the blobs themselves are made from these."""
    bus = bus_at(settings.redis.url, settings.redis.key_prefix)
    thread_bus = thread_bus_at(settings.redis.url, settings.redis.key_prefix)
    blobs = Cas(bus, ttl_s=settings.blob.cache_ttl_s)
    worker = Worker(
        nodes(bus, blobs) if callable(nodes) else nodes,
        bus=bus,
        thread_bus=thread_bus,
        blobs=blobs,
        secrets=Secrets(env),
        options=options_from(settings, kind),
    )

    async def duty(stop: asyncio.Event) -> None:
        await serve_until(worker, stop)

    def trouble() -> str | None:
        return bus.trouble or (None if worker.ready.is_set() else "waiting for work to begin")

    metrics = settings.metrics
    try:
        async with ProbeServer(metrics.host, metrics.port, trouble):
            # The worker keeps its own deadline; this one only bounds a worker that does not.
            await run_service(kind, {"worker": duty}, drain_s=2 * settings.drain.timeout_s + 3)
    finally:
        thread_bus.close()
        await bus.close()
    return worker


async def serve_until(worker: Worker, stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    stopping.add_done_callback(lambda _: worker.stop())
    try:
        await worker.run()
    finally:
        stopping.cancel()


def leave(worker: Worker) -> None:
    """End the process now if a node function does not return: Python would wait for its thread."""
    if worker.has_stuck_threads:
        log.warning("threads_left_behind")
        os._exit(0)
