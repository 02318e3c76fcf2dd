"""What the API says of approvals, and the client hands on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ApprovalLineView(msgspec.Struct, frozen=True):
    """An approval without its payloads. `status` is pending, approved, rejected, expired or
    cancelled; `may_decide` says whether whoever asks is among those who may."""

    id: str
    run: str
    node: str
    workflow: str
    message: str
    assignees: list[str]
    groups: list[str]
    status: str
    requested_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    may_decide: bool


class ApprovalPage(msgspec.Struct, frozen=True):
    items: list[ApprovalLineView]
    next_cursor: str | None = None


class ApprovalView(ApprovalLineView, frozen=True, kw_only=True):
    """`payload` is the proposal, `form` the JSON Schema that an approved payload must fit,
    `decided_payload` what was decided on."""

    gen: int
    payload: Any
    form: dict[str, Any] | None
    comment: str | None
    decided_payload: Any
