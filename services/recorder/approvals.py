"""What the transitions of a batch say of approvals, for the table where people find them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.store import approvals
from minuet.store.approvals import NewApproval, Settlement, Status
from minuet.store.history import without_nul

from .chain import ENDED, Recordable, Verdict

if TYPE_CHECKING:
    from minuet.store.database import Connection

MARK: Final = b'"approval.'
DECIDED: Final[dict[str, Status]] = {"approve": "approved", "reject": "rejected"}
CLOSED: Final[dict[str, Status]] = {
    "approval.expired": "expired",
    "approval.cancelled": "cancelled",
}


class _EventText(msgspec.Struct):
    type: str
    node: str = ""
    gen: int = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Requested(msgspec.Struct):
    approval: str
    message: str
    payload: msgspec.Raw = msgspec.Raw(b"null")
    form: dict[str, Any] | None = None
    assignees: list[str] = []
    groups: list[str] = []
    expires_at: int | None = None


class _Decided(msgspec.Struct):
    approval: str
    decision: str
    by: str
    comment: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _Closed(msgspec.Struct):
    approval: str


_decode_events = msgspec.json.Decoder(list[_EventText]).decode
_decode_requested = msgspec.json.Decoder(_Requested).decode
_decode_decided = msgspec.json.Decoder(_Decided).decode
_decode_closed = msgspec.json.Decoder(_Closed).decode


@dataclass(slots=True)
class Changes:
    asked: list[NewApproval] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    ended: list[tuple[str, datetime, int]] = field(default_factory=list)


def changes_in(accepted: Iterable[Recordable]) -> Changes:
    """Events are decoded only where the text names an approval at all."""
    changes = Changes()
    for item in accepted:
        record = item.record
        if not record.plain and MARK in bytes(record.events):
            for seq, event in enumerate(_decode_events(record.events), record.first_seq):
                _read(changes, item, seq, event)
        if record.status > ENDED:  # a run that succeeded has answered everything it asked
            changes.ended.append((record.run, item.time, record.seq))
    return changes


def _read(changes: Changes, item: Recordable, seq: int, event: _EventText) -> None:
    if event.type == "approval.requested":
        changes.asked.append(_asked(item, seq, event))
    elif event.type == "approval.decided":
        said = _decode_decided(event.data)
        status, comment = DECIDED[said.decision], without_nul(said.comment)
        by, payload = without_nul(said.by), bytes(said.payload)
        changes.settled.append(
            Settlement(said.approval, status, item.time, by, comment, payload, seq)
        )
    elif event.type in CLOSED:
        id, status = _decode_closed(event.data).approval, CLOSED[event.type]
        changes.settled.append(Settlement(id, status, item.time, None, None, None, seq))


def _asked(item: Recordable, seq: int, event: _EventText) -> NewApproval:
    said, record = _decode_requested(event.data), item.record
    return NewApproval(
        id=said.approval,
        tenant=record.tenant,
        run_id=record.run,
        node=event.node,
        gen=event.gen,
        message=without_nul(said.message),
        payload=bytes(said.payload),
        form=without_nul(said.form),
        assignees=without_nul(said.assignees),
        groups=without_nul(said.groups),
        requested_at=item.time,
        expires_at=None if said.expires_at is None else _instant(said.expires_at),
        seq=seq,
    )


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


async def project(c: Connection, verdict: Verdict) -> None:
    """Bring the table up to date with the transitions that are stored in the same transaction."""
    changes = changes_in(verdict.accepted)
    if changes.asked:
        await approvals.insert_approvals(c, changes.asked)
    if changes.settled:
        await approvals.settle_approvals(c, changes.settled)
    if changes.ended:
        await approvals.cancel_approvals(c, changes.ended)
