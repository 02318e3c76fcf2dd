"""What the API takes and says of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType


class DecisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `payload` the decision is on the proposal as it is."""

    decision: Literal["approve", "reject"]
    comment: Annotated[str, Meta(max_length=10_000)] = ""
    payload: Any | UnsetType = UNSET


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


class ApprovalView(msgspec.Struct, frozen=True):
    """`payload` is the proposal, `form` the JSON Schema that an approved payload must fit,
    `decided_payload` what was decided on. `status` and `may_decide` as in the list."""

    id: str
    run: str
    node: str
    gen: int
    workflow: str
    message: str
    payload: Any
    form: dict[str, Any] | None
    assignees: list[str]
    groups: list[str]
    status: str
    requested_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    comment: str | None
    decided_payload: Any
    may_decide: bool
