"""The product's processes, each as its main would build it, on the wires of a simulation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.model.errors import BusUnavailable
from minuet.services.coordinator.coordinator import Coordinator
from minuet.services.orchestrator.reconciler import Reconciler
from minuet.services.orchestrator.relay import Relay
from minuet.services.recorder.recorder import Recorder
from minuet.settings import CoordinatorSettings
from minuet.worker.clock import Clock
from minuet.worker.options import WorkerOptions
from minuet.worker.runtime import Worker
from minuet.worker.secrets import Secrets

from .loop import Process, VirtualLoop
from .nodes import specs
from .postgres import Database, DurableBlobs, Postgres
from .redis import EPOCH_MS, Client, Server, ThreadClient

TENANT = "t"
SKEW_MS = 20_000
WORKER = WorkerOptions(
    slots=4, lease_ms=5_000, heartbeat_ms=1_500, drain_s=2.0, inline_limit_bytes=500,
    grace_s=1.0, watch_s=0.5, register_s=2.0, partitions_s=5.0, block_ms=2_000,
)  # fmt: skip


@dataclass(slots=True)
class Parts:
    """What processes are built on."""

    loop: VirtualLoop
    server: Server
    postgres: Postgres
    random: Random
    batch_signals: int

    def cas(self, client: Client, process: Process) -> Cas:
        return Cas(client, DurableBlobs(Database(self.postgres, process)))


class Member:
    """A process that runs. `stop` asks it to end, as SIGTERM does."""

    role = ""

    def __init__(self, parts: Parts, name: str) -> None:
        self.parts = parts
        self.process = Process(name)
        self._ahead_ms = parts.random.randint(-SKEW_MS, SKEW_MS)
        self.client = Client(parts.server, self.process)
        self.stopping = asyncio.Event()
        self.task: asyncio.Task[None] = parts.loop.spawn(self.process.main, self.run())

    async def run(self) -> None:
        raise NotImplementedError

    def now_ms(self) -> int:
        """By the clock of its machine."""
        return EPOCH_MS + int(self.parts.loop.time() * 1000) + self._ahead_ms

    def stop(self) -> None:
        """From outside: its own loop hears of it."""
        self.parts.loop.call_soon(self.stopping.set, context=self.process.main.context)

    def kill(self, arriving: int) -> None:
        """`arriving` of the calls under way still reach their server."""
        self.parts.loop.kill(self.process)
        self.client.die(arriving)
        self.parts.postgres.disconnect(self.process)


class CoordinatorMember(Member):
    role = "coordinator"

    async def run(self) -> None:
        parts = self.parts
        coordinator = Coordinator(
            self.client,
            ThreadClient(self.client),
            parts.cas(self.client, self.process),
            CoordinatorSettings(batch_signals=parts.batch_signals),
            local_ms=self.now_ms,
        )
        await coordinator.run(self.stopping)


class WorkerMember(Member):
    role = "worker"

    def monotonic(self) -> float:
        return self.parts.loop.time()

    async def run(self) -> None:
        worker = Worker(
            specs(),
            bus=self.client,
            thread_bus=ThreadClient(self.client),
            blobs=Cas(self.client),
            secrets=Secrets({}),
            options=WORKER,
            clock=cast("Clock", self),
            worker_id=self.process.name,
        )
        stopping = asyncio.create_task(self.stopping.wait())
        stopping.add_done_callback(lambda _: worker.stop())
        await worker.run()


class RecorderMember(Member):
    role = "recorder"

    async def run(self) -> None:
        database: Any = Database(self.parts.postgres, self.process)
        await Recorder(database, self.client, block_ms=2_000).run(self.stopping)


class OpenDoor:
    """Admission that refuses nobody: what it reads of a server, memory has not."""

    overloaded = False

    def __init__(self, bus: Client) -> None:
        self.redis_now = 0
        self._bus = bus

    async def watch(self) -> None:
        while True:
            with suppress(BusUnavailable):
                self.redis_now = await self._bus.now()
            await asyncio.sleep(1.0)


class OrchestratorMember(Member):
    role = "orchestrator"

    def __init__(self, parts: Parts, name: str) -> None:
        self.relay: Relay | None = None
        super().__init__(parts, name)

    async def run(self) -> None:
        parts, loop = self.parts, self.parts.loop
        database: Any = Database(parts.postgres, self.process)
        cas = DurableCas(parts.cas(self.client, self.process))
        door = OpenDoor(self.client)
        relay = self.relay = Relay(
            database, cast("Any", self.client), cas, cast("Any", door), clock=loop.time
        )
        reconciler = Reconciler(
            database, self.client, cas, interval_s=8.0, clock=loop.time,
            on_loss=relay.forget_cached,
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            duties = [
                group.create_task(door.watch()),
                group.create_task(relay.send_offered()),
                group.create_task(relay.sweep_for_ever()),
                group.create_task(reconciler.run(self.stopping)),
            ]
            await self.stopping.wait()
            for duty in duties[:3]:
                duty.cancel()


ROLES: dict[str, Callable[[Parts, str], Member]] = {
    each.role: each
    for each in (CoordinatorMember, WorkerMember, RecorderMember, OrchestratorMember)
}
