"""Look runs up and follow them: everything here reads what is recorded."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from minuet.model.errors import InvalidInput, NotFound
from minuet.model.event import Event
from minuet.model.ids import is_run_id
from minuet.model.status import RUN_STATUS_BY_WORD, RunStatus
from minuet.store import lookup, page, runs
from minuet.store.database import Database
from minuet.store.lookup import LogRow, StartedRow, Transition
from minuet.store.runs import RunLine, RunRow

from ..auth import Principal
from ..definitions import Definitions
from ..recorded import Recorded
from .nodes import NodeViews
from .schemas import (
    EventPage,
    EventView,
    LiveItem,
    LivePage,
    LogPage,
    LogView,
    NodePage,
    NodeView,
    RunLineView,
    RunPage,
    RunView,
)

LISTED_NODES: Final = 200
KEPT_NODES: Final = 100_000
TRANSITIONS_AT_ONCE: Final = 500

_EVENTS: Final = msgspec.json.Decoder(list[Event])


class Runs:
    def __init__(self, db: Database, definitions: Definitions, recorded: Recorded) -> None:
        self._db = db
        self._definitions = definitions
        self._recorded = recorded
        self._folded: OrderedDict[tuple[str, str], NodeViews] = OrderedDict()

    async def lines(
        self,
        principal: Principal,
        *,
        status: list[str],
        workflow: str | None,
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
            )
        items = [_line(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return RunPage(items)
        last = page.Position(rows[limit - 1].accepted_at, rows[limit - 1].id)
        return RunPage(items, page.encode_position(last))

    async def row(self, principal: Principal, id: str) -> RunRow:
        """Raises NotFound, for a run of another tenant too."""
        row = None
        if is_run_id(id):
            async with self._db.connection() as c:
                row = await runs.get_run(c, principal.tenant, id)
        if row is None:
            raise NotFound(f"there is no run {id!r}")
        return row

    async def show(self, principal: Principal, id: str) -> RunView:
        row = await self.row(principal, id)
        nodes = await self._nodes(principal, row)
        views = nodes.views[:LISTED_NODES]
        await self._mark_running(id, views)
        more = len(nodes.views) > LISTED_NODES
        return _view(row, views, page.encode_cursor(LISTED_NODES) if more else None)

    async def nodes(
        self, principal: Principal, id: str, *, status: list[str], cursor: str | None, limit: int
    ) -> NodePage:
        """Nodes from the cursor's position on; with `status` only those in one of these states."""
        (position,) = page.decode_cursor(cursor, tuple[int]) if cursor else (0,)
        row = await self.row(principal, id)
        nodes = await self._nodes(principal, row)
        views = list(nodes.views)
        await self._mark_running(id, views)
        items: list[NodeView] = []
        while 0 <= position < len(views) and len(items) < limit:
            if not status or views[position].status in status:
                items.append(views[position])
            position += 1
        more = position < len(views)
        return NodePage(items, nodes.seq, page.encode_cursor(position) if more else None)

    async def node(self, principal: Principal, id: str, node: str) -> NodeView:
        """One node with its whole output if that is not a blob. Raises NotFound."""
        row = await self.row(principal, id)
        nodes = await self._nodes(principal, row)
        view = nodes.get(node)
        if view is None:
            raise NotFound(f"run {id} has no node {node!r}")
        views = [view]
        await self._mark_running(id, views)
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

    async def live(
        self, principal: Principal, id: str, *, after: str | None, limit: int
    ) -> LivePage:
        """Logs and starts of executions since `after`, in the order of their times."""
        log_id, micros = page.decode_cursor(after, tuple[int, int]) if after else (0, 0)
        since = datetime.fromtimestamp(micros / 1_000_000, UTC) if micros else None
        await self.row(principal, id)
        async with self._db.connection() as c:
            logs = await lookup.logs_of_run(c, id, after=log_id, limit=limit)
            started = await lookup.started_of_run(c, id, after=since, limit=limit)
        log_id = logs[-1].id if logs else log_id
        micros = round(started[-1].time.timestamp() * 1_000_000) if started else micros
        items = sorted([*map(_live_log, logs), *map(_live_start, started)], key=lambda i: i.time)
        return LivePage(items, page.encode_cursor(log_id, micros))

    async def _events(self, id: str, after: int, limit: int) -> list[EventView]:
        async with self._db.connection() as c:
            rows = await lookup.transitions_after(c, id, after, limit=limit)
        items: list[EventView] = []
        for row in rows:
            items.extend(event for event in _event_views(id, row) if event.id > after)
            if len(items) >= limit:
                break
        return items[:limit]

    async def _output(self, id: str, seq: int) -> Any:
        async with self._db.connection() as c:
            row = await lookup.transition_with(c, id, seq)
        if row is None:
            raise NotFound(f"event {seq} of run {id} is not recorded")
        return _EVENTS.decode(row.events)[seq - row.first_seq].data.get("output")

    async def _nodes(self, principal: Principal, row: RunRow) -> NodeViews:
        """The run's nodes as recorded. What was folded before is kept; history never changes."""
        key = (row.id, row.ir_digest)
        nodes = self._folded.get(key)
        if nodes is None:
            nodes = NodeViews(await self._definitions.load_ir(principal.tenant, row.ir_digest))
        while nodes.seq < row.seq:
            async with self._db.connection() as c:
                found = await lookup.transitions_after(
                    c, row.id, nodes.seq, limit=TRANSITIONS_AT_ONCE
                )
            if not found:
                break
            for each in found:
                nodes.apply(each.first_seq, _ms(each.time), _EVENTS.decode(each.events))
        self._keep(key, nodes)
        return nodes

    def _keep(self, key: tuple[str, str], nodes: NodeViews) -> None:
        self._folded[key] = nodes
        self._folded.move_to_end(key)
        total = sum(len(kept.views) for kept in self._folded.values())
        while total > KEPT_NODES and len(self._folded) > 1:
            _, dropped = self._folded.popitem(last=False)
            total -= len(dropped.views)

    async def _mark_running(self, id: str, views: list[NodeView]) -> None:
        """Replace, in `views`, nodes of which a worker told that it began: the history only knows
        that they are ready."""
        if not any(view.status == "ready" for view in views):
            return
        async with self._db.connection() as c:
            rows = await lookup.started_of_run(c, id, after=None, limit=None)
        began = {(row.node, row.gen, row.attempt): row for row in rows}
        for at, view in enumerate(views):
            start = began.get((view.id, view.gen, view.attempt))
            if view.status == "ready" and start is not None:
                views[at] = msgspec.structs.replace(
                    view, status="running", started_at=_ms(start.time), worker=start.worker
                )


def _run_status(word: str) -> int:
    status = RUN_STATUS_BY_WORD.get(word)
    if status is None:
        raise InvalidInput(
            f"{word!r} is no status; there are {', '.join(RUN_STATUS_BY_WORD)}", pointer="?status"
        )
    return int(status)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _event_views(run: str, row: Transition) -> list[EventView]:
    time = _ms(row.time)
    return [
        EventView(row.first_seq + at, run, event.type, time, event.node, event.gen, event.data)
        for at, event in enumerate(_EVENTS.decode(row.events))
    ]


def _line(row: RunLine) -> RunLineView:
    return RunLineView(
        row.id, row.workflow, row.version, RunStatus(row.status).word, row.counter,
        row.labels or {}, row.accepted_at, row.started_at, row.ended_at,
    )  # fmt: skip


def _view(row: RunRow, nodes: list[NodeView], nodes_next_cursor: str | None) -> RunView:
    return RunView(
        id=row.id,
        workflow=row.workflow,
        version=row.version,
        status=RunStatus(row.status).word,
        seq=row.seq,
        counter=row.counter,
        inputs=_raw(row.inputs),
        inputs_ref=row.inputs_ref,
        outputs=_raw(row.outputs),
        outputs_ref=row.outputs_ref,
        error=row.error,
        labels=row.labels or {},
        principal=row.principal,
        idempotency_key=row.idempotency_key,
        retry_of=row.retry_of,
        patches=0,
        document_digest=row.document_digest,
        accepted_at=row.accepted_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        nodes=nodes,
        nodes_next_cursor=nodes_next_cursor,
    )


def _raw(data: bytes | None) -> msgspec.Raw | None:
    return None if data is None else msgspec.Raw(data)


def _log(row: LogRow) -> LogView:
    return LogView(
        row.id, row.node, row.gen, row.attempt, row.time, row.level, row.message, row.fields
    )


def _live_log(row: LogRow) -> LiveItem:
    data = {"level": row.level, "message": row.message, "fields": row.fields}
    return LiveItem("node.log", row.node, row.gen, row.attempt, _ms(row.time), data)


def _live_start(row: StartedRow) -> LiveItem:
    data = {"worker": row.worker}
    return LiveItem("node.started", row.node, row.gen, row.attempt, _ms(row.time), data)
