"""Look runs up and follow them: everything here reads what is recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from minuet.model.errors import InvalidInput, NotFound
from minuet.model.status import RUN_STATUS_BY_WORD, RunStatus
from minuet.store import lookup, page, runs, turns
from minuet.store.database import Database
from minuet.store.lookup import LogRow, ProgressRow, StartedRow
from minuet.store.runs import RunRow
from minuet.store.turns import TurnRow
from minuet.views.runs import EVENTS, RunViews, event_views, line_view
from minuet.views.schemas import (
    EventPage,
    EventView,
    LiveItem,
    LivePage,
    LogPage,
    LogView,
    NodeView,
    RunPage,
    RunView,
)

from ..auth import Principal
from ..definitions import Definitions
from ..recorded import Recorded
from .schemas import NodePage, TurnPage, TurnView


class Runs:
    def __init__(self, db: Database, definitions: Definitions, recorded: Recorded) -> None:
        self._db = db
        self._definitions = definitions
        self._recorded = recorded
        self._views = RunViews(db, definitions.load_ir)

    async def lines(
        self,
        principal: Principal,
        *,
        status: list[str],
        workflow: str | None,
        parent: str | None,
        cursor: str | None,
        limit: int,
    ) -> RunPage:
        after = page.decode_position(cursor) if cursor else None
        async with self._db.connection() as c:
            rows = await runs.list_runs(
                c,
                principal.tenant,
                statuses=[_run_status(word) for word in status] or None,
                workflow=workflow,
                after=after,
                limit=limit,
                parent=parent,
            )
        items = [line_view(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return RunPage(items)
        last = page.Position(rows[limit - 1].accepted_at, rows[limit - 1].id)
        return RunPage(items, page.encode_position(last))

    async def row(self, principal: Principal, id: str) -> RunRow:
        """Raises NotFound, for a run of another tenant too."""
        return await self._views.row(principal.tenant, id)

    async def show(self, principal: Principal, id: str) -> RunView:
        return await self._views.show(principal.tenant, id)

    async def nodes(
        self, principal: Principal, id: str, *, status: list[str], cursor: str | None, limit: int
    ) -> NodePage:
        """Nodes from the cursor's position on; with `status` only those in one of these states."""
        (position,) = page.decode_cursor(cursor, tuple[int]) if cursor else (0,)
        row = await self.row(principal, id)
        nodes = await self._views.nodes(principal.tenant, row)
        views = list(nodes.views)
        await self._views.mark_running(id, views)
        items: list[NodeView] = []
        while 0 <= position < len(views) and len(items) < limit:
            if not status or views[position].status in status:
                items.append(views[position])
            position += 1
        more = position < len(views)
        return NodePage(items, nodes.seq, page.encode_cursor(position) if more else None)

    async def recorded_nodes(self, principal: Principal, row: RunRow) -> list[NodeView]:
        """Every node as the history has it, at least up to the row's seq."""
        return list((await self._views.nodes(principal.tenant, row)).views)

    async def node(self, principal: Principal, id: str, node: str) -> NodeView:
        """One node with its whole output if that is not a blob. Raises NotFound."""
        row = await self.row(principal, id)
        nodes = await self._views.nodes(principal.tenant, row)
        view = nodes.get(node)
        if view is None:
            raise NotFound(f"run {id} has no node {node!r}")
        views = [view]
        await self._views.mark_running(id, views)
        if not view.output_omitted:
            return views[0]
        output = await self._output(id, nodes.ended_seq[node])
        return msgspec.structs.replace(view, output=output, output_omitted=False)

    async def events(
        self, principal: Principal, id: str, *, after: int, limit: int, wait_s: float
    ) -> EventPage:
        """Events above `after`; waits up to `wait_s` for the first one unless the run has ended."""
        row = await self.row(principal, id)
        ended, seq = RunStatus(row.status).ended, row.seq
        if wait_s > 0 and seq <= after and not ended:
            progress = await self._recorded.wait(
                id, lambda progress: progress.seq > after or progress.ended, timeout_s=wait_s
            )
            if progress is not None:
                ended, seq = progress.ended, progress.seq
        items = await self._events(id, after, limit)
        last = items[-1].id if items else after
        return EventPage(items, last, ended and last >= seq)

    async def document(self, principal: Principal, id: str) -> tuple[bytes, str]:
        """The document that the run follows, and its digest."""
        row = await self.row(principal, id)
        data = await self._definitions.blob(principal.tenant, row.document_digest)
        return data, row.document_digest

    async def logs(
        self, principal: Principal, id: str, node: str, *, cursor: str | None, limit: int
    ) -> LogPage:
        (after,) = page.decode_cursor(cursor, tuple[int]) if cursor else (0,)
        await self.row(principal, id)
        async with self._db.connection() as c:
            rows = await lookup.logs_of_node(c, id, node, after=after, limit=limit)
        more = len(rows) == limit
        return LogPage(
            [_log(row) for row in rows], page.encode_cursor(rows[-1].id) if more else None
        )

    async def turns(
        self, principal: Principal, id: str, node: str, *, cursor: str | None, limit: int
    ) -> TurnPage:
        after = page.decode_cursor(cursor, tuple[int, int]) if cursor else (0, 0)
        await self.row(principal, id)
        async with self._db.connection() as c:
            rows = await turns.turns_of_node(c, id, node, after=after, limit=limit)
        more = len(rows) == limit
        return TurnPage(
            [_turn(row) for row in rows],
            page.encode_cursor(rows[-1].gen, rows[-1].turn) if more else None,
        )

    async def live(
        self, principal: Principal, id: str, *, after: str | None, limit: int
    ) -> LivePage:
        """Logs, starts and progress of executions since `after`, in the order of their times."""
        seen = (0, 0, 0)
        if after:
            seen = page.decode_cursor(after, tuple[int, int, int], parameter="after")
        log_id, micros, told = seen
        since = datetime.fromtimestamp(micros / 1_000_000, UTC) if micros else None
        await self.row(principal, id)
        async with self._db.connection() as c:
            logs = await lookup.logs_of_run(c, id, after=log_id, limit=limit)
            started = await lookup.started_of_run(c, id, after=since, limit=limit)
            progress = await lookup.progress_of_run(c, id, after=told, limit=limit)
        log_id = logs[-1].id if logs else log_id
        micros = round(started[-1].time.timestamp() * 1_000_000) if started else micros
        told = progress[-1].id if progress else told
        items = [*map(_live_start, started), *map(_live_log, logs), *map(_live_progress, progress)]
        items.sort(key=lambda item: item.time)
        return LivePage(items, page.encode_cursor(log_id, micros, told))

    async def _events(self, id: str, after: int, limit: int) -> list[EventView]:
        async with self._db.connection() as c:
            rows = await lookup.transitions_after(c, id, after, limit=limit)
        items: list[EventView] = []
        for row in rows:
            items.extend(event for event in event_views(id, row) if event.id > after)
            if len(items) >= limit:
                break
        return items[:limit]

    async def _output(self, id: str, seq: int) -> Any:
        async with self._db.connection() as c:
            row = await lookup.transition_with(c, id, seq)
        if row is None:
            raise NotFound(f"event {seq} of run {id} is not recorded")
        return EVENTS.decode(row.events)[seq - row.first_seq].data.get("output")


def _run_status(word: str) -> int:
    status = RUN_STATUS_BY_WORD.get(word)
    if status is None:
        raise InvalidInput(
            f"{word!r} is no status; there are {', '.join(RUN_STATUS_BY_WORD)}", pointer="?status"
        )
    return int(status)


def _log(row: LogRow) -> LogView:
    return LogView(
        row.id, row.node, row.gen, row.attempt, row.time, row.level, row.message, row.fields
    )


def _turn(row: TurnRow) -> TurnView:
    known = {
        "gen": row.gen, "turn": row.turn, "attempt": row.attempt, "time": row.time,
        "text": row.text, "finished": row.details is not None,
    }  # fmt: skip
    try:
        return msgspec.convert({**(row.details or {}), **known}, TurnView)
    except msgspec.ValidationError:  # told by a worker of another kind: the text is shown
        return msgspec.convert(known, TurnView)


def _live_log(row: LogRow) -> LiveItem:
    data = {"level": row.level, "message": row.message, "fields": row.fields}
    return LiveItem("node.log", row.node, row.gen, row.attempt, row.time, data)


def _live_start(row: StartedRow) -> LiveItem:
    data = {"worker": row.worker}
    return LiveItem("node.started", row.node, row.gen, row.attempt, row.time, data)


def _live_progress(row: ProgressRow) -> LiveItem:
    data = {"fraction": row.fraction, "message": row.message}
    return LiveItem("node.progress", row.node, row.gen, row.attempt, row.time, data)
