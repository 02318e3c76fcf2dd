"""What the API says of workers."""

from __future__ import annotations

from datetime import UTC, datetime

from minuet.bus.api import WorkerInfo
from minuet.views.suite import WorkerView


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
