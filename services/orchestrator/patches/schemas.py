"""Bodies of the patch endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from minuet.ir.diff_summary import DiffSummary


class PatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """`operations` as RFC 6902 on the run's document; `/nodes/by-id/<id>/...` names a node by its
    id. `note` is the intent in a sentence. With `dry_run` nothing is changed."""

    operations: list[Any]
    note: str | None = None
    dry_run: bool = False


class PatchView(msgspec.Struct):
    """One attempt. `number` is that of its command, `seq` the event that settled it, `document`
    what it leads to: all null if it was refused before it became a command. `reason` and `detail`
    tell why."""

    patch: str
    run: str
    number: int | None
    status: str
    by: str
    by_agent: bool
    note: str | None
    base: str
    document: str | None
    changes: DiffSummary
    operations: msgspec.Raw
    reason: str | None = None
    detail: list[str] = []
    created_at: datetime | None = None
    decided_at: datetime | None = None
    seq: int | None = None


class PatchPage(msgspec.Struct):
    items: list[PatchView]
    next_cursor: str | None = None
