"""What could not be done, and how it was settled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class DeadLetterView(msgspec.Struct, frozen=True):
    """`status` is open, retried (as `retry_run`) or discarded. `data` says what went wrong."""

    id: int
    run: str | None
    node: str | None
    reason: str
    data: Any
    created_at: datetime
    workflow: str | None = None
    status: str = "open"
    settled_at: datetime | None = None
    settled_by: str | None = None
    retry_run: str | None = None


class DeadLetterPage(msgspec.Struct, frozen=True):
    items: list[DeadLetterView]
    next_cursor: str | None = None


class SettledView(msgspec.Struct, frozen=True):
    """What became of one of several: `status` is retried (as `run`), discarded, or refused for
    reasons that `detail` says."""

    id: int
    status: str
    run: str | None = None
    detail: str | None = None


class SettledList(msgspec.Struct, frozen=True):
    """`more`: the filter fits further open letters; ask again."""

    items: list[SettledView]
    more: bool = False
