"""Look at dead letters and settle them: by a new run, or by letting them be."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import UNSET

from minuet.model.errors import Conflict, InvalidInput, NotFound
from minuet.store import dead_letters, page
from minuet.store.database import Database
from minuet.store.dead_letters import STATUSES, DeadLetterRow, Status
from minuet.views.dead_letters import (
    DeadLetterPage,
    DeadLetterView,
    SettledList,
    SettledView,
)
from minuet.views.retries import RetryView
from minuet.views.schemas import Accepted

from ..auth import Principal
from ..errors import InvalidBody, KeyReused
from ..retries.schemas import RetryBody
from ..retries.service import Retrier
from ..runs.starting import Asking, Starter, asking_for
from .schemas import Filter, ManyBody

MANY: Final = 200


class Chosen(NamedTuple):
    ids: list[int]
    more: bool


class DeadLetters:
    def __init__(self, db: Database, retrier: Retrier, starter: Starter) -> None:
        self._db = db
        self._retrier = retrier
        self._starter = starter

    async def lines(
        self,
        principal: Principal,
        *,
        status: str,
        workflow: str | None,
        reason: str | None,
        cursor: str | None,
        limit: int,
    ) -> DeadLetterPage:
        (before,) = page.decode_cursor(cursor, tuple[int]) if cursor else (None,)
        async with self._db.connection() as c:
            rows = await dead_letters.list_dead_letters(
                c, principal.tenant, status=_status(status), workflow=workflow, kind=reason,
                before=before, limit=limit,
            )  # fmt: skip
        items = [_view(row) for row in rows[:limit]]
        more = len(rows) > limit
        return DeadLetterPage(items, page.encode_cursor(items[-1].id) if more else None)

    async def show(self, principal: Principal, id: int) -> DeadLetterView:
        """Raises NotFound."""
        return _view(await self._row(principal, id))

    async def retry(
        self, principal: Principal, id: int, body: RetryBody, *, traceparent: str | None = None
    ) -> Accepted:
        """The new run of its run. A letter is retried once: the same request again gives the same
        run, another one Conflict. Raises what `Retrier.retry` does."""
        row = await self._row(principal, id)
        # Two requests at once would start two runs; the key lets the second find the first.
        asking = asking_for(["dead-letter", id, body], key=_key(id), traceparent=traceparent)
        if row.settlement is not None:
            return await self._earlier(principal, row, asking)
        return await self._retrier.retry(principal, _run_of(row), body, asking)

    async def preview(self, principal: Principal, id: int, body: RetryBody) -> RetryView:
        return await self._retrier.preview(principal, _run_of(await self._row(principal, id)), body)

    async def discard(self, principal: Principal, id: int) -> DeadLetterView:
        """Harmless when repeated. Raises NotFound, and Conflict for one that was retried."""
        async with self._db.connection() as c:
            await dead_letters.discard(c, principal.tenant, [id], by=principal.id)
        row = await self._row(principal, id)
        if row.settlement != "discarded":
            raise _settled(row)
        return _view(row)

    async def retry_many(self, principal: Principal, body: ManyBody) -> SettledList:
        """One answer a letter; what is refused keeps no other back. Raises Unavailable if a server
        is away: those before are retried then, and are not open any more."""
        ids, more = await self._chosen(principal, body)
        return SettledList([await self._retried(principal, id) for id in ids], more)

    async def discard_many(self, principal: Principal, body: ManyBody) -> SettledList:
        ids, more = await self._chosen(principal, body)
        async with self._db.connection() as c:
            await dead_letters.discard(c, principal.tenant, ids, by=principal.id)
        return SettledList([await self._discarded(principal, id) for id in ids], more)

    async def _retried(self, principal: Principal, id: int) -> SettledView:
        try:
            accepted = await self.retry(principal, id, RetryBody())
        except InvalidInput as error:
            return await self._refused(principal, id, error)
        return SettledView(id, "retried", accepted.id)

    async def _refused(self, principal: Principal, id: int, error: InvalidInput) -> SettledView:
        """Another letter of the same run may have settled this one: then nothing is left to do."""
        async with self._db.connection() as c:
            row = await dead_letters.get_dead_letter(c, principal.tenant, id)
        if row is not None and row.settlement == "retried":
            return SettledView(id, "retried", row.retry_run)
        return SettledView(id, "refused", detail=str(error))

    async def _discarded(self, principal: Principal, id: int) -> SettledView:
        try:
            await self.discard(principal, id)
        except InvalidInput as error:
            return SettledView(id, "refused", detail=str(error))
        return SettledView(id, "discarded")

    async def _chosen(self, principal: Principal, body: ManyBody) -> Chosen:
        if (body.ids is UNSET) == (body.filter is UNSET):
            raise InvalidBody("give either `ids` or `filter`", pointer="")
        if isinstance(body.ids, list):
            return Chosen(list(dict.fromkeys(body.ids)), False)
        assert isinstance(body.filter, Filter)
        async with self._db.connection() as c:
            rows = await dead_letters.list_dead_letters(
                c, principal.tenant, status="open", workflow=body.filter.workflow,
                kind=body.filter.reason, before=None, limit=MANY,
            )  # fmt: skip
        return Chosen([row.id for row in rows[:MANY]], len(rows) > MANY)

    async def _row(self, principal: Principal, id: int) -> DeadLetterRow:
        async with self._db.connection() as c:
            row = await dead_letters.get_dead_letter(c, principal.tenant, id)
        if row is None:
            raise NotFound(f"there is no dead letter {id}")
        return row

    async def _earlier(self, principal: Principal, row: DeadLetterRow, asking: Asking) -> Accepted:
        """Raises Conflict."""
        try:
            found = await self._starter.earlier(principal, asking)
        except KeyReused as error:
            raise _settled(row) from error
        if found is None or found.id != row.retry_run:
            raise _settled(row)
        return found


def _key(id: int) -> str:
    return f"minuet:dead-letter:{id}"


def _status(word: str) -> Status:
    for status in STATUSES:
        if word == status:
            return status
    raise InvalidInput(f"{word!r} is no status; there are {', '.join(STATUSES)}", pointer="?status")


def _run_of(row: DeadLetterRow) -> str:
    if row.run_id is None or row.workflow is None:
        raise Conflict(f"dead letter {row.id} ({row.kind}) belongs to no run: look at its data")
    return row.run_id


def _settled(row: DeadLetterRow) -> Conflict:
    how = f"retried as run {row.retry_run}" if row.retry_run else "discarded"
    return Conflict(f"dead letter {row.id} was {how} by {row.settled_by}")


def _view(row: DeadLetterRow) -> DeadLetterView:
    return DeadLetterView(
        row.id, row.run_id, row.node, row.kind, row.data, row.created_at, row.workflow,
        row.settlement or "open", row.settled_at, row.settled_by, row.retry_run,
    )  # fmt: skip
