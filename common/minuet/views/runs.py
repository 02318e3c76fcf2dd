"""A run as it is recorded: its row, and its nodes folded from its history."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec

from minuet.model.errors import NotFound
from minuet.model.event import Event
from minuet.model.ids import is_run_id
from minuet.model.ir import Ir
from minuet.model.status import RunStatus
from minuet.store import concurrency, deletion, lookup, page, runs
from minuet.store.database import Database
from minuet.store.lookup import Transition
from minuet.store.runs import RunLine, RunRow

from .instants import instant, with_instants
from .nodes import NodeViews
from .schemas import ConcurrencyView, EventView, NodeView, RunLineView, RunView

LISTED_NODES: Final = 200
KEPT_NODES: Final = 100_000
TRANSITIONS_AT_ONCE: Final = 500

EVENTS: Final = msgspec.json.Decoder(list[Event])

LoadIr = Callable[[str, str], Awaitable[Ir]]
"""(tenant, digest) -> the compiled document. Raises StoreUnavailable."""


class RunViews:
    """Folded nodes of the runs asked for last are kept: history only grows."""

    def __init__(self, db: Database, load_ir: LoadIr) -> None:
        self._db = db
        self._load_ir = load_ir
        self._folded: OrderedDict[tuple[str, str], NodeViews] = OrderedDict()

    async def row(self, tenant: str, id: str) -> RunRow:
        """Raises NotFound, for a run of another tenant too."""
        if is_run_id(id):
            async with self._db.connection() as c:
                if (row := await runs.get_run(c, tenant, id)) is not None:
                    return row
                if (at := await deletion.deleted_at(c, tenant, id)) is not None:
                    raise NotFound(f"run {id} was deleted on {at:%Y-%m-%d at %H:%M} UTC")
        raise NotFound(f"there is no run {id!r}")

    async def show(self, tenant: str, id: str) -> RunView:
        """Row and nodes as of one event, `seq`. Raises NotFound."""
        row = await self.row(tenant, id)
        nodes = await self.nodes(tenant, row)
        while nodes.seq > row.seq:  # somebody folded what was recorded after the row was read
            row = await self.row(tenant, id)
            nodes = await self.nodes(tenant, row)
        listed = [copy.copy(view) for view in nodes.views[:LISTED_NODES]]
        more = len(nodes.views) > LISTED_NODES
        await self.mark_running(id, listed)
        cursor = page.encode_cursor(LISTED_NODES) if more else None
        return _view(row, listed, cursor, await self._standing(tenant, row))

    async def _standing(self, tenant: str, row: RunRow) -> ConcurrencyView | None:
        if row.concurrency_key is None or RunStatus(row.status).ended:
            return None
        async with self._db.connection() as c:
            found = await concurrency.standing(c, tenant, row.id)
        return msgspec.convert(found, ConcurrencyView, from_attributes=True) if found else None

    async def nodes(self, tenant: str, row: RunRow) -> NodeViews:
        """The run's nodes, at least up to the row's seq. They are shared: copy what you keep."""
        key = (row.id, row.ir_digest)
        nodes = self._folded.get(key)
        if nodes is None:
            nodes = NodeViews(await self._load_ir(tenant, row.ir_digest))
        while nodes.seq < row.seq:
            async with self._db.connection() as c:
                found = await lookup.transitions_after(
                    c, row.id, nodes.seq, limit=TRANSITIONS_AT_ONCE
                )
            if not found:
                break
            for each in found:
                if each.last_seq <= row.seq:
                    nodes.apply(each.first_seq, ms_of(each.time), EVENTS.decode(each.events))
        self._keep(key, nodes)
        return nodes

    async def mark_running(self, id: str, views: list[NodeView]) -> None:
        """Replace, in `views`, nodes of which a worker told that it began: the history only knows
        that they are ready, or were when they were cancelled."""
        if not any(view.status in ("ready", "cancelling") for view in views):
            return
        async with self._db.connection() as c:
            rows = await lookup.started_of_run(c, id, after=None, limit=None)
        began = {(row.node, row.gen, row.attempt): row for row in rows}
        for at, view in enumerate(views):
            start = began.get((view.id, view.gen, view.attempt))
            if view.status in ("ready", "cancelling") and start is not None:
                status = "running" if view.status == "ready" else view.status
                views[at] = msgspec.structs.replace(
                    view, status=status, started_at=start.time, worker=start.worker
                )

    def _keep(self, key: tuple[str, str], nodes: NodeViews) -> None:
        self._folded[key] = nodes
        self._folded.move_to_end(key)
        total = sum(len(kept.views) for kept in self._folded.values())
        while total > KEPT_NODES and len(self._folded) > 1:
            _, dropped = self._folded.popitem(last=False)
            total -= len(dropped.views)


def ms_of(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def event_views(run: str, row: Transition) -> list[EventView]:
    return number_events(run, row.first_seq, ms_of(row.time), EVENTS.decode(row.events))


def number_events(run: str, first_seq: int, time: int, events: list[Event]) -> list[EventView]:
    """The events of a transition with their ids; `time` is that of the commit in ms."""
    told_at = instant(time)
    return [
        EventView(
            first_seq + i, run, event.type, told_at, event.node, event.gen,
            with_instants(event.data),
        )
        for i, event in enumerate(events)
    ]  # fmt: skip


def line_view(row: RunLine) -> RunLineView:
    return RunLineView(
        row.id, row.workflow, row.version, RunStatus(row.status).word, row.counter,
        row.labels or {}, row.accepted_at, row.started_at, row.ended_at,
    )  # fmt: skip


def _view(
    row: RunRow,
    nodes: list[NodeView],
    nodes_next_cursor: str | None,
    standing: ConcurrencyView | None,
) -> RunView:
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
        parent=row.child["parent"] if row.child else None,
        patches=row.patches,
        document_digest=row.document_digest,
        accepted_at=row.accepted_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        nodes=nodes,
        nodes_next_cursor=nodes_next_cursor,
        priority=row.priority,
        concurrency=standing,
    )


def _raw(data: bytes | None) -> msgspec.Raw | None:
    return None if data is None else msgspec.Raw(data)
