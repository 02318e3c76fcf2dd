"""The Postgres of a simulation: tables in memory, transactions, locks, and a wire that fails.

Only what the recorder, the relay and the reconciler ask of it. What a statement changes is applied
when its transaction commits, all at once; what it reads is what was committed before, and what this
transaction itself inserted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from minuet.model.errors import StoreUnavailable
from minuet.store.commands import CommandRow
from minuet.store.history import NewDeadLetter, TransitionRow
from minuet.store.runs import StartRow

from .dice import Dice
from .loop import Process, VirtualLoop
from .redis import EPOCH_MS


@dataclass(slots=True)
class RunRow:
    """A row of `runs`; instants are seconds of virtual time."""

    start: StartRow
    parent: str | None = None
    status: int = 0
    cmd: int = -1
    last_command: int = 0
    seq: int = 0
    last_commit: str = ""
    counter: int = 0
    restore_requested: bool = False
    fork: bool = False
    relayed_at: float | None = 0.0
    outputs: bytes | None = None
    outputs_ref: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.status >= 6


@dataclass(slots=True)
class Command:
    row: CommandRow
    at: float
    refused: str | None = None


@dataclass(slots=True)
class Tables:
    runs: dict[str, RunRow] = field(default_factory=dict)
    transitions: dict[str, list[TransitionRow]] = field(default_factory=dict)
    commands: dict[str, list[Command]] = field(default_factory=dict)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    letters: list[NewDeadLetter] = field(default_factory=list)

    def keep_blob(self, key: tuple[str, str], data: bytes) -> None:
        self.blobs.setdefault(key, data)

    def keep_run(self, id: str, row: RunRow) -> None:
        self.runs.setdefault(id, row)


class Auditor(Protocol):
    def storing(self, row: TransitionRow, tables: Tables) -> None: ...

    def forking(self, run: str) -> None: ...


class Postgres:
    """`auditor` hears of what is being committed, before it is applied."""

    def __init__(self, loop: VirtualLoop, dice: Dice, partitions: int, auditor: Auditor) -> None:
        self.loop = loop
        self.dice = dice
        self.tables = Tables()
        self.partitions = partitions
        self.auditor = auditor
        self.away_until = 0.0
        self._held: dict[object, Transaction] = {}
        self._waiting: list[tuple[object, Transaction, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(EPOCH_MS / 1000 + self.loop.time(), UTC)

    # ── locks ─────────────────────────────────────────────────────────────────────────────────

    def try_lock(self, key: object, of: Transaction) -> bool:
        return self._held.setdefault(key, of) is of

    async def lock(self, key: object, of: Transaction) -> None:
        while not self.try_lock(key, of):
            freed: asyncio.Future[None] = self.loop.create_future()
            self._waiting.append((key, of, freed))
            await freed

    def end(self, transaction: Transaction) -> None:
        """Release its locks, and let go on who waited for one."""
        self._held = {k: held for k, held in self._held.items() if held is not transaction}
        waiting = [each for each in self._waiting if each[1] is not transaction]
        self._waiting = [each for each in waiting if each[0] in self._held]
        for key, _, freed in waiting:
            if key not in self._held and not freed.done():
                freed.set_result(None)

    def disconnect(self, process: Process) -> None:
        """Roll back what a dead process left open."""
        open_ = dict.fromkeys([*self._held.values(), *(each[1] for each in self._waiting)])
        for transaction in open_:
            if transaction.process is process:
                transaction.cut(arrives=self.dice.random.random() < 0.5)
                self.end(transaction)


class MissingStatement(Exception):
    """A function of `minuet.store` is called that has no counterpart in `statements.py`."""


class Transaction:
    """One connection in one transaction; stands where the product has an asyncpg connection."""

    def __init__(self, postgres: Postgres, process: Process) -> None:
        self.postgres = postgres
        self.process = process
        self.tables = postgres.tables
        self.writes: list[Callable[[], None]] = []
        self.born: dict[str, RunRow] = {}
        self._is_committing = False

    def run(self, id: str) -> RunRow | None:
        return self.born.get(id) or self.tables.runs.get(id)

    async def trip(self) -> None:
        """There and back. Raises StoreUnavailable; then the transaction is over."""
        fate = self.postgres.dice.fate()
        await self._travel(fate.call_s + fate.reply_s)
        loop = self.postgres.loop
        if fate.lost or (self.postgres.away_until > loop.time() and not self.postgres.dice.calm):
            raise StoreUnavailable("the connection is lost")

    async def commit(self) -> None:
        """Raises StoreUnavailable; then it is unknown whether it was."""
        if not self.writes:
            return
        fate = self.postgres.dice.fate()
        away = self.postgres.away_until > self.postgres.loop.time()
        if fate.lost == "call" or (away and not self.postgres.dice.calm):
            await self._travel(fate.call_s)
            raise StoreUnavailable("the connection is lost")
        self._is_committing = True
        await self._travel(fate.call_s, self._apply)
        await self._travel(fate.reply_s)
        if fate.lost == "reply":
            raise StoreUnavailable("the connection is lost")

    def _apply(self) -> None:
        writes, self.writes = self.writes, []
        for write in writes:
            write()

    def cut(self, *, arrives: bool) -> None:
        """Its process died. A commit that was sent arrives now or never: its locks end with it."""
        if self._is_committing and arrives:
            self._apply()
        self.writes = []

    async def _travel(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        loop = self.postgres.loop
        future: asyncio.Future[None] = loop.create_future()

        def arrive() -> None:
            if then is not None:
                then()
            if not future.done():
                future.set_result(None)

        context = loop.world.main.context
        if seconds > 0:
            loop.call_later(seconds, arrive, context=context)
        else:
            loop.call_soon(arrive, context=context)
        await future

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The one statement that the product does not keep behind a function of `minuet.store`."""
        if "pg_try_advisory_xact_lock" not in query:
            raise MissingStatement(query)
        await self.trip()
        return self.postgres.try_lock(args, self)

    async def execute(self, query: str, *args: Any) -> Any:
        raise MissingStatement(query)

    fetch = fetchrow = executemany = copy_records_to_table = execute


class Database:
    """Stands where the product has `minuet.store.database.Database`."""

    def __init__(self, postgres: Postgres, process: Process) -> None:
        self._postgres = postgres
        self._process = process

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        transaction = Transaction(self._postgres, self._process)
        try:
            yield transaction
            await transaction.commit()
        finally:
            if self._process.alive:
                self._postgres.end(transaction)

    connection = transaction

    async def partitions(self) -> int:
        await Transaction(self._postgres, self._process).trip()
        return self._postgres.partitions


class DurableBlobs:
    """Stands where the product has `minuet.store.blobs.Blobs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant: str, digest: str) -> bytes | None:
        async with self._database.connection() as c:
            await c.trip()
            return c.tables.blobs.get((tenant, digest))

    async def put(self, tenant: str, digest: str, data: bytes) -> None:
        async with self._database.connection() as c:
            c.writes.append(lambda: c.tables.keep_blob((tenant, digest), data))
