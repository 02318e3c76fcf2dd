"""The problem documents (RFC 9457) that the API answers with at 400 and above."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One offending field: a `pointer` into the request's body, or the name of a `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Decided(msgspec.Struct, frozen=True):
    """How an approval was closed: `status` is approved, rejected, expired or cancelled."""

    status: str
    at: datetime | None = None
    by: str | None = None
    comment: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """`type` is the stable part. `run_status` comes with `run-ended`, `reason` with
    `command-refused` and `patch-refused`, `decided` with `already-decided`, `incident` with a
    500."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    instance: str = ""
    errors: list[Fault] = []
    run_status: str | None = None
    decided: Decided | None = None
    reason: str | None = None
    incident: str | None = None

    @property
    def slug(self) -> str:
        """The last part of `type`, such as `not-found`."""
        return self.type.rstrip("/").rpartition("/")[2]

    @property
    def message(self) -> str:
        return self.detail or self.title or f"status {self.status}"
