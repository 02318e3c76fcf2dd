"""Who may decide, on what, and whether a decision is the one that stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET

from minuet.ir.schema_faults import checker_of
from minuet.model.canonical import canonical_json
from minuet.model.errors import TooLarge
from minuet.store.approvals import ApprovalRow

from ..auth import Principal
from ..errors import AlreadyDecided, InvalidPayload
from ..runs.starting import INLINE_BYTES
from .schemas import DecisionBody

STATUS_OF: Final = {"approve": "approved", "reject": "rejected"}


class Asked(Protocol):
    """Of whom an answer is wanted; both empty: of everybody in the tenant."""

    @property
    def assignees(self) -> Sequence[str]: ...

    @property
    def groups(self) -> Sequence[str]: ...


def may_decide(principal: Principal, asked: Asked) -> bool:
    if principal.is_admin or not (asked.assignees or asked.groups):
        return True
    return principal.id in asked.assignees or not set(asked.groups).isdisjoint(principal.groups)


def decision_of(principal: Principal, row: ApprovalRow, body: DecisionBody) -> dict[str, Any]:
    """The data of the command: always with the payload that is decided on."""
    payload = msgspec.json.decode(row.payload) if body.payload is UNSET else body.payload
    data = {
        "node": row.node,
        "gen": row.gen,
        "decision": body.decision,
        "payload": payload,
        "by": principal.id,
    }
    return data | ({"comment": body.comment} if body.comment else {})


def check_payload(row: ApprovalRow, decision: dict[str, Any]) -> None:
    """What is approved must fit the form. Raises InvalidPayload, TooLarge."""
    size_bytes = len(canonical_json(decision["payload"]))
    if size_bytes > INLINE_BYTES:
        raise TooLarge(
            f"the payload has {size_bytes:,} bytes, the limit is {INLINE_BYTES:,}",
            pointer="/payload",
        )
    if row.form is None or decision["decision"] != "approve":
        return
    faults = checker_of(row.form).faults(decision["payload"])
    if faults:
        raise InvalidPayload([(fault.pointer, fault.message) for fault in faults])


def stands(row: ApprovalRow, decision: dict[str, Any]) -> bool:
    """Whether the approval was closed by exactly this decision of this principal."""
    return (
        row.status == STATUS_OF[decision["decision"]]
        and row.decided_by == decision["by"]
        and (row.comment or "") == decision.get("comment", "")
        and msgspec.json.decode(row.decided_payload or b"null") == decision["payload"]
    )


def already_decided(row: ApprovalRow) -> AlreadyDecided:
    """Who, what, when: as the loser of a race reads it."""
    at = row.decided_at and row.decided_at.isoformat(timespec="milliseconds")
    by = f" by {row.decided_by}" if row.decided_by else ""
    return AlreadyDecided(
        f"approval {row.id} was {row.status}{by} at {at}",
        status=row.status, by=row.decided_by, at=row.decided_at, comment=row.comment,
    )  # fmt: skip
