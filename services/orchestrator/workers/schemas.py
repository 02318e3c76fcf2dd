"""What the API says of workers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from minuet.bus.api import WorkerInfo


class WorkerView(msgspec.Struct, frozen=True):
    """`busy` of `slots` were taken when the worker last told of itself."""

    id: str
    kind: str
    types: list[str]
    slots: int
    busy: int
    host: str
    pid: int
    started_at: datetime


class WorkerList(msgspec.Struct, frozen=True):
    items: list[WorkerView]


def view(worker: WorkerInfo) -> WorkerView:
    return WorkerView(
        id=worker.id,
        kind=worker.kind,
        types=sorted(spec.name for spec in worker.types),
        slots=worker.slots,
        busy=worker.busy,
        host=worker.host,
        pid=worker.pid,
        started_at=datetime.fromtimestamp(worker.started_at / 1000, UTC),
    )
