"""A worker on the in-memory bus, and what its tests ask of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from minuet.bus.api import Commit, Done, Page
from minuet.bus.memory import MemoryBus
from minuet.model.canonical import digest
from minuet.model.errors import NotFound
from minuet.model.token import CasRef, Outcome, TaskToken, TokenId, idempotency_key
from minuet.worker.options import WorkerOptions
from minuet.worker.registry import NodeSpec, spec_of
from minuet.worker.runtime import Worker
from minuet.worker.secrets import Secrets

T = TypeVar("T")
TENANT = "acme"


class MemoryThreadBus:
    """ThreadBus over a MemoryBus: each call drives the coroutine on a loop of its own."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        return self._call(self._bus.heartbeat(consumer, held))

    def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        return self._call(self._bus.cancelled(tokens))

    def complete(self, done: Sequence[Done]) -> list[bool]:
        return self._call(self._bus.complete(done))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)


class MemoryBlobs:
    ttl_s = 3600

    def __init__(self) -> None:
        self.data: dict[tuple[str, str], bytes] = {}

    async def get(self, tenant: str, digest: str) -> bytes:
        try:
            return self.data[tenant, digest]
        except KeyError:
            raise NotFound(f"no blob {digest}") from None

    async def put(self, tenant: str, data: bytes) -> CasRef:
        name = digest(data)
        self.data[tenant, name] = data
        return CasRef(digest=name, size_bytes=len(data))


class Bench:
    """Emits tokens as a coordinator would and collects what comes back."""

    def __init__(self, functions: Sequence[Callable[..., Any]], env: dict[str, str]) -> None:
        self.bus = MemoryBus()
        self.blobs = MemoryBlobs()
        self.specs = [found(function) for function in functions]
        self.env = env
        self._commits = itertools.count()
        self._owner = ""
        self._numbers = itertools.count(1)
        self._cursor = "0-0"
        self.outcomes: dict[str, Outcome] = {}
        self.done_entries = 0

    def worker(self, worker_id: str = "w1", **options: Any) -> Worker:
        options = {"slots": 4, "watch_s": 0.02, "block_ms": 20, "drain_s": 1.0, **options}
        return Worker(
            self.specs,
            bus=self.bus,
            thread_bus=MemoryThreadBus(self.bus),
            blobs=self.blobs,
            secrets=Secrets(self.env),
            options=WorkerOptions(**options),
            worker_id=worker_id,
        )

    def token(self, type: str, config: Any = None, **fields: Any) -> tuple[str, bytes]:
        run, node = f"0-run{next(self._numbers):04}", "n"
        token = TaskToken(
            run=run, tenant=TENANT, node=node, type=type, gen=1, attempt=1,
            config=msgspec.Raw(msgspec.json.encode(config or {})),
            idempotency_key=idempotency_key(run, node, 1),
            **{"timeout_ms": 10_000, **fields},
        )  # fmt: skip
        return str(TokenId(run, node, 1, 1)), msgspec.json.encode(token)

    async def emit(
        self, *pages: Sequence[tuple[str, bytes]], type: str | None = None,
        cancelled: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Commit pages of tokens, and ids that are cancelled."""
        if not self._owner:
            await self.bus.publish_partitions(1)
            self._owner = "owner"
            assert await self.bus.acquire(0, self._owner, 3_600_000)
        name = type or self.specs[0].name
        await self.bus.commit(
            Commit(
                p=0, owner=self._owner, number=next(self._commits), cursor="0-0",
                pages=[Page(name, list(page)) for page in pages], cancelled=list(cancelled),
            )
        )  # fmt: skip

    async def collect(self, count: int, timeout_s: float = 5.0) -> dict[str, Outcome]:
        """Wait until `count` tokens in all have ended."""
        async with asyncio.timeout(timeout_s):
            while len(self.outcomes) < count:
                await self._read()
        return self.outcomes

    async def _read(self, block_ms: int = 50) -> None:
        for entry in await self.bus.read_signals({0: self._cursor}, count=100, block_ms=block_ms):
            self._cursor = entry.id
            fields = dict(entry.fields)
            if fields.pop("k") == b"done":
                self.done_entries += 1
                for token_id, raw in fields.items():
                    self.outcomes[token_id] = msgspec.json.decode(raw, type=Outcome)

    async def run_one(self, config: Any = None, **fields: Any) -> Outcome:
        """The outcome of one token, run by a worker of its own."""
        token_id, raw = self.token(self.specs[0].name, config, **fields)
        await self.emit([(token_id, raw)])
        async with running(self.worker()):
            return (await self.collect(len(self.outcomes) + 1))[token_id]


def found(function: Callable[..., Any]) -> NodeSpec:
    spec = spec_of(function)
    assert spec is not None
    return spec


def bench(*functions: Callable[..., Any], **env: str) -> Bench:
    return Bench(functions, env)


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    """The worker at work; drained at the end."""
    task = asyncio.create_task(worker.run())
    ready = asyncio.create_task(worker.ready.wait())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield worker
    finally:
        ready.cancel()
        worker.stop()
        await task


def output(outcome: Outcome) -> Any:
    return msgspec.json.decode(outcome.output)
