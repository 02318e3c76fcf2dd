"""What the end of an approval hands on to the next node."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from minuet.model.token import ApprovalRequest

APPROVED: Final = "approved"
REJECTED: Final = "rejected"
DECISIONS: Final = {"approve": APPROVED, "reject": REJECTED}
"""Port by the word of a decision."""

_encode = msgspec.json.Encoder().encode


def requested_data(approval: str, request: ApprovalRequest, due_at: int | None) -> dict[str, Any]:
    """Data of `approval.requested`."""
    data: dict[str, Any] = {"approval": approval, "message": request.message}
    if request.payload != msgspec.Raw(b"null"):
        data["payload"] = request.payload
    if request.form is not None:
        data["form"] = request.form
    if request.assignees:
        data["assignees"] = request.assignees
    if request.groups:
        data["groups"] = request.groups
    if due_at is not None:
        data["expires_at"] = due_at
    return data


def decided_data(approval: str, given: dict[str, Any], by: str) -> dict[str, Any]:
    """Data of `approval.decided`."""
    kept = {name: given[name] for name in ("comment", "payload") if given.get(name) is not None}
    return {"approval": approval, "decision": given["decision"], "by": by, **kept}


def decision_output(given: dict[str, Any], by: str) -> msgspec.Raw:
    """Output of a node that a person decided."""
    output = {
        "decision": DECISIONS[given["decision"]],
        "by": by,
        "comment": given.get("comment"),
        "payload": given.get("payload"),
    }
    return msgspec.Raw(_encode(output))


def expiry_output() -> msgspec.Raw:
    """Output of a node that nobody decided in time."""
    return msgspec.Raw(
        _encode({"decision": "expired", "by": None, "comment": None, "payload": None})
    )
