"""/dead-letters"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from .paging import every
from .transport import Transport
from .views import Accepted, DeadLetter, DeadLetterPage, SettledList

Status = Literal["open", "retried", "discarded"]


class DeadLetters:
    """What could not be done and was put aside, until somebody settles it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        status: Status = "open",
        workflow: str | None = None,
        reason: str | None = None,
        limit: int | None = None,
    ) -> Iterator[DeadLetter]:
        """Newest first: all of them, or the first `limit`."""
        size = None if limit is None else min(limit, 100)
        query = {"status": status, "workflow": workflow, "reason": reason, "limit": size}
        return every(
            lambda cursor: self._transport.get(
                "/dead-letters", DeadLetterPage, {**query, "cursor": cursor}
            ),
            limit,
        )

    def show(self, letter: int) -> DeadLetter:
        return self._transport.get(f"/dead-letters/{letter}", DeadLetter)

    def retry(self, letter: int) -> Accepted:
        """The new run of its run; asked again, the same one. Raises Conflict for a letter that has
        no run or was settled otherwise; `runs.retry` takes corrections."""
        return self._transport.post(
            f"/dead-letters/{letter}/retry", Accepted, None, repeatable=True
        )

    def discard(self, letter: int) -> DeadLetter:
        """Harmless when repeated. Raises Conflict for one that was retried."""
        return self._transport.post(
            f"/dead-letters/{letter}/discard", DeadLetter, None, repeatable=True
        )

    def retry_many(
        self,
        ids: Sequence[int] | None = None,
        *,
        workflow: str | None = None,
        reason: str | None = None,
    ) -> SettledList:
        """Retry those named, or the newest 200 open ones that fit; one answer each."""
        return self._many("retry", ids, workflow, reason)

    def discard_many(
        self,
        ids: Sequence[int] | None = None,
        *,
        workflow: str | None = None,
        reason: str | None = None,
    ) -> SettledList:
        """As `retry_many`."""
        return self._many("discard", ids, workflow, reason)

    def _many(
        self, what: str, ids: Sequence[int] | None, workflow: str | None, reason: str | None
    ) -> SettledList:
        body: dict[str, Any] = {"filter": {"workflow": workflow, "reason": reason}}
        if ids is not None:
            body = {"ids": [*ids]}
        return self._transport.post(f"/dead-letters/{what}", SettledList, body, repeatable=True)
