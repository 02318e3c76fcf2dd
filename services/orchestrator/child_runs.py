"""What history knows of the child runs that a run waits for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from minuet.ir.children import child_id, live_items
from minuet.ir.ending import child_outcome
from minuet.ir.run_state import RunState
from minuet.model.signal import Parent, Start
from minuet.model.status import RunStatus
from minuet.model.token import CasRef, Outcome
from minuet.store import children
from minuet.store.children import ChildState
from minuet.store.database import Database

from .ports import Cas


def live_children(state: RunState) -> dict[str, Parent]:
    """The child runs that live nodes of the run wait for, by id."""
    found: dict[str, Parent] = {}
    for id, progress in state.rest.children.items():
        node = state.plan.nodes[state.plan.index[id]]
        _, gen, attempt, *_ = state.frontier.cell(node.index)
        for item in live_items(progress):
            parent = Parent(state.run, id, gen, attempt, item if node.maps else None)
            found[child_id(parent)] = parent
    return found


class ChildRuns:
    def __init__(self, database: Database, cas: Cas) -> None:
        self._database = database
        self._cas = cas

    async def known(self, tenant: str, runs: Iterable[str]) -> dict[str, Outcome | None]:
        """Those of the child runs that are recorded, with the outcome of those that ended. What an
        outcome refers to is stored. Raises StoreUnavailable."""
        wanted = list(runs)
        if not wanted:
            return {}
        async with self._database.connection() as c:
            rows = await children.children(c, wanted)
        return {row.id: await self._outcome(tenant, row) for row in rows}

    async def _outcome(self, tenant: str, row: ChildState) -> Outcome | None:
        status = RunStatus(row.status)
        if not status.ended:
            return None
        outputs = None if row.outputs is None else msgspec.json.decode(row.outputs)
        refs = row.outputs_ref and msgspec.convert(row.outputs_ref, dict[str, CasRef])
        start = Start(
            run=row.id, tenant=tenant, ir="", workflow="", accepted_at=0,
            parent=msgspec.convert(row.child["parent"], Parent),
            returns=row.child.get("returns") or [],
        )  # fmt: skip
        outcome, blob = child_outcome(start, status, outputs, refs or None, row.error)
        if blob is not None:
            await self._cas.put(tenant, blob)
        return outcome
