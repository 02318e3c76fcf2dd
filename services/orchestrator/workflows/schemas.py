"""What the API takes and says of workflows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from minuet.model.diagnostic import Diagnostic


class DocumentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`document` is judged by the compiler, so that every fault is told at once."""

    document: Any


class Applied(msgspec.Struct, frozen=True):
    """`version` is now the latest of `name`."""

    name: str
    version: int
    digest: str
    diagnostics: list[Diagnostic] = []


class Verdict(msgspec.Struct, frozen=True):
    valid: bool
    diagnostics: list[Diagnostic]


class WorkflowLine(msgspec.Struct, frozen=True):
    name: str
    version: int
    digest: str
    created_at: datetime
    updated_at: datetime


class WorkflowPage(msgspec.Struct, frozen=True):
    items: list[WorkflowLine]
    next_cursor: str | None = None


class VersionLine(msgspec.Struct, frozen=True):
    name: str
    version: int
    digest: str
    created_at: datetime
    principal: str


class VersionPage(msgspec.Struct, frozen=True):
    items: list[VersionLine]
    next_cursor: str | None = None


class VersionView(msgspec.Struct, frozen=True):
    name: str
    version: int
    digest: str
    created_at: datetime
    principal: str
    document: dict[str, Any]
