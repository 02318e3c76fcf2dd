"""A coordinator on the in-memory bus with a worker that a test writes as one function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from minuet.bus.api import Done
from minuet.bus.memory import MemoryBus
from minuet.model.canonical import canonical_json, digest
from minuet.model.canonical import digest as name_of
from minuet.model.errors import NotFound
from minuet.model.event import CommitRecord, Event, TransitionRecord
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.signal import Start
from minuet.model.token import Outcome, TaskToken
from minuet.services.coordinator.coordinator import Coordinator
from minuet.settings import CoordinatorSettings

SETTINGS = CoordinatorSettings(lease_ms=600, renew_ms=100)


def decode_events(record: TransitionRecord) -> list[Event]:
    return msgspec.json.decode(record.events, type=list[Event])


class MemoryBlobs:
    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def get(self, tenant: str, digest: str) -> bytes:
        if digest not in self.held:
            raise NotFound(digest)
        return self.held[digest]

    async def put(self, tenant: str, data: bytes) -> None:
        self.held[name_of(data)] = data


class MemoryRenewer:
    """The synchronous renewal, over the same memory."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def renew(self, leases: Mapping[int, str], lease_ms: int) -> dict[int, int | None]:
        async def all_of_them() -> dict[int, int | None]:
            return {p: await self._bus.renew(p, owner, lease_ms) for p, owner in leases.items()}

        return asyncio.run(all_of_them())


def chain(length: int) -> Ir:
    nodes = [IrNode(id=f"n{i}", type="noop", effect="pure") for i in range(length)]
    return Ir(workflow="chain", nodes=nodes, edges=[IrEdge(i, i + 1) for i in range(length - 1)])


class Bench:
    """One bus, its blobs, and what the recorder would have seen."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.blobs = MemoryBlobs()

    async def put_ir(self, ir: Ir) -> str:
        data = canonical_json(msgspec.json.decode(msgspec.json.encode(ir)))
        self.blobs.held[digest(data)] = data
        return digest(data)

    async def start(self, run: str, ir_digest: str, inputs: bytes = b"{}") -> None:
        start = Start(
            run=run, tenant="t", ir=ir_digest, workflow="w", accepted_at=await self.bus.now(),
            inputs=msgspec.Raw(inputs),
        )  # fmt: skip
        fields = [("k", b"start"), ("s", msgspec.json.encode(start))]
        assert await self.bus.send(int(run.split("-", maxsplit=1)[0]), [fields]) == 1

    async def records(self) -> dict[str, list[TransitionRecord]]:
        """Transitions by run, in order of commits."""
        entries = await self.bus.read_events(
            dict.fromkeys(range(8), "0-0"), count=10**6, block_ms=0
        )
        found: dict[str, list[TransitionRecord]] = {}
        for entry in entries:
            commit = msgspec.json.decode(entry.fields[0][1], type=CommitRecord)
            for record in commit.runs:
                found.setdefault(record.run, []).append(record)
        return found

    async def events(self, run: str) -> list[Event]:
        records = (await self.records()).get(run, [])
        return [event for record in records for event in decode_events(record)]

    async def ended(self, count: int, timeout_s: float = 10) -> dict[str, list[TransitionRecord]]:
        async with asyncio.timeout(timeout_s):
            while True:
                records = await self.records()
                if sum(each[-1].status >= 6 for each in records.values()) >= count:
                    return records
                await asyncio.sleep(0.01)

    async def work(self, answer: Callable[[TaskToken], Outcome], types: list[str]) -> None:
        """Take and complete for ever. An entry may be gone only with the server that held it."""
        while True:
            server = self.bus.connections
            wanted = {type_: list(range(8)) for type_ in types}
            for delivery in await self.bus.take(wanted, "c1", count=10, block_ms=100):
                results = [
                    (id_, msgspec.json.encode(answer(msgspec.json.decode(data, type=TaskToken))))
                    for id_, data in delivery.tokens
                ]
                done = Done(delivery.p, delivery.type, delivery.id, results)
                is_ours = await self.bus.complete([done])
                assert is_ours == [True] or self.bus.connections != server

    @asynccontextmanager
    async def coordinator(self, partitions: int = 8) -> AsyncIterator[Coordinator]:
        await self.bus.publish_partitions(partitions)
        coordinator = Coordinator(self.bus, MemoryRenewer(self.bus), self.blobs, SETTINGS)
        stop = asyncio.Event()
        task = asyncio.create_task(coordinator.run(stop))
        try:
            yield coordinator
        finally:
            stop.set()
            await task

    @asynccontextmanager
    async def working(
        self, answer: Callable[[TaskToken], Outcome], types: list[str]
    ) -> AsyncIterator[None]:
        task = asyncio.create_task(self.work(answer, types))
        try:
            yield
        finally:
            task.cancel()
