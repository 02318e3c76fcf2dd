"""What the API says of workflows, and the client hands on."""

from __future__ import annotations

from datetime import datetime

import msgspec

from minuet.model.diagnostic import Diagnostic


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
