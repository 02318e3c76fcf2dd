"""/approvals"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET

from .answers import decode
from .paging import every
from .paths import segment
from .transport import Transport
from .views import Approval, ApprovalLine, ApprovalPage, Command

WAIT_S: Final = 10.0


class Approvals:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def page(
        self,
        cursor: str | None = None,
        *,
        status: Sequence[str] = (),
        workflow: str | None = None,
        run: str | None = None,
        mine: bool = False,
        limit: int | None = None,
    ) -> ApprovalPage:
        params = {
            "cursor": cursor, "status": status, "workflow": workflow, "run": run,
            "mine": "true" if mine else None, "limit": limit,
        }  # fmt: skip
        return self._transport.get("/approvals", ApprovalPage, params)

    def list(
        self,
        *,
        status: Sequence[str] = (),
        workflow: str | None = None,
        run: str | None = None,
        mine: bool = False,
        limit: int | None = None,
    ) -> Iterator[ApprovalLine]:
        """Questions, the newest first: all of them, or the first `limit`. `mine` are those that
        this key, one of its groups, or everybody is asked."""
        size = None if limit is None else min(limit, 100)
        return every(
            lambda cursor: self.page(
                cursor, status=status, workflow=workflow, run=run, mine=mine, limit=size
            ),
            limit,
        )

    def show(self, approval: str) -> Approval:
        return self._transport.get(_path(approval), Approval)

    def decide(
        self,
        approval: str,
        decision: Literal["approve", "reject"],
        comment: str = "",
        *,
        payload: Any = UNSET,
        idempotency_key: str | None = None,
    ) -> Approval | Command:
        """Close an approval: with the proposal as it is, or with another `payload`.

        The approval, once it is recorded that this decision closed it, also if that was done
        before; the command, if that takes more than ten seconds: it may still lose. Raises
        AlreadyDecided (a Conflict) with who, what and when, Forbidden, NotFound, InvalidInput for
        a payload that does not fit the form.
        """
        body = {"decision": decision, "comment": comment}
        response = self._transport.send(
            "POST",
            f"{_path(approval)}/decision",
            body=body if payload is UNSET else {**body, "payload": payload},
            key=idempotency_key or str(uuid.uuid4()),
            wait_s=WAIT_S,
        )
        shape: type[msgspec.Struct] = Approval if response.status_code == 200 else Command
        answer = decode(response, shape)
        assert isinstance(answer, Approval | Command)
        return answer

    def approve(
        self,
        approval: str,
        comment: str = "",
        *,
        payload: Any = UNSET,
        idempotency_key: str | None = None,
    ) -> Approval | Command:
        """As `decide`."""
        return self.decide(
            approval, "approve", comment, payload=payload, idempotency_key=idempotency_key
        )

    def reject(
        self, approval: str, comment: str = "", *, idempotency_key: str | None = None
    ) -> Approval | Command:
        """As `decide`."""
        return self.decide(approval, "reject", comment, idempotency_key=idempotency_key)


def _path(approval: str) -> str:
    return f"/approvals/{segment(approval)}"
