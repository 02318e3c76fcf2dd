"""Commit records as a coordinator writes them, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from minuet.bus.api import Commit, CoordinatorBus
from minuet.model.event import CommitRecord, Event, TransitionRecord, is_plain
from minuet.model.status import RunStatus

TENANT = "acme"
TIME = 1_790_000_000_000
encode = msgspec.json.Encoder().encode


def run_named(name: str, p: int = 0) -> str:
    return f"{p}-{name}"


async def accept(database_url: str, *runs: str) -> None:
    """What the orchestrator writes of runs before they start."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.executemany(
            "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
            "principal, inputs) values ($1, $2, $3, 'w', 'sha256:d', 'sha256:i', 'key', '{}')",
            [(run, TENANT, int(run.split("-")[0])) for run in runs],
        )
    finally:
        await connection.close()


def transition(
    run: str,
    *,
    seq: int,
    prev: str = "",
    events: Sequence[Event] | None = None,
    status: RunStatus = RunStatus.RUNNING,
    cmd: int = 0,
    counter: int = 1,
) -> TransitionRecord:
    """One warning by default; `seq` is that of the last event."""
    told = list(events or [Event("warning", data={"code": "x", "message": "y"})])
    text = encode(told)
    return TransitionRecord(
        run=run, tenant=TENANT, prev=prev, seq=seq, cmd=cmd, status=int(status), counter=counter,
        count=len(told), events=msgspec.Raw(text), plain=is_plain(told, text),
    )  # fmt: skip


def ending(run: str, *, seq: int, prev: str, **data: Any) -> TransitionRecord:
    events = [Event("run.ended", data={"status": "succeeded", **data})]
    return transition(run, seq=seq, prev=prev, events=events, status=RunStatus.SUCCEEDED, counter=0)


class Owner:
    """A coordinator's commits on one partition; every commit is numbered."""

    def __init__(self, bus: CoordinatorBus, p: int = 0, name: str = "owner") -> None:
        self._bus = bus
        self._p = p
        self._name = name
        self._number: int | None = None

    async def commit(self, *records: TransitionRecord, event: bytes | None = None) -> str:
        """The id of the commit that carries `records` (or, as it stands, `event`)."""
        if self._number is None:
            lease = await self._bus.acquire(self._p, self._name, 600_000)
            assert lease is not None
            self._number = lease.commit
        number = self._number + 1
        record = CommitRecord(owner=self._name, commit=number, time=TIME, runs=list(records))
        await self._bus.commit(
            Commit(
                p=self._p,
                owner=self._name,
                number=self._number,
                cursor="0-0",
                event=encode(record) if event is None else event,
            )
        )
        self._number = number
        return record.id
