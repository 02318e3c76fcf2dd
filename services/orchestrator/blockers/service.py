"""Gathers what is known of a run from Redis and Postgres; nothing here decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from minuet.bus.api import Loaded, TaskLine, WorkerInfo
from minuet.ir.children import live_items, running
from minuet.model.ids import child_run_id
from minuet.model.ir import Ir, IrNode
from minuet.model.signal import Start
from minuet.model.state import Head, NodeRecord, Rest
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import TokenId
from minuet.store import approvals, concurrency, lookup, pauses
from minuet.store.database import Database
from minuet.store.runs import RunRow
from minuet.views.blockers import Blockers
from minuet.views.instants import instant
from minuet.views.schemas import NodeView

from ..admission import Admission
from ..auth import Principal
from ..definitions import Definitions
from ..ports import Bus
from ..runs.service import Runs
from .decide import blockers
from .facts import ChildRuns, Facts, KeyLine, Load, Order, Question, Started, Token

LINE_ENTRIES: Final = 5_000
QUESTIONS: Final = 1_000
CHILDREN: Final = 10
DISPATCHED: Final = frozenset({NodeStatus.READY, NodeStatus.CANCELLING})


@dataclass(frozen=True, slots=True)
class OwnState:
    """A run as its owner has it, ahead of what is recorded."""

    head: Head
    rest: Rest
    ir: str
    nodes: Mapping[str, NodeRecord]

    @classmethod
    def read(cls, loaded: Loaded) -> OwnState | None:
        """None of what is left of an ended run. Raises ValueError on anything that is no run."""
        fields = loaded.fields
        if "meta" not in fields:
            return None
        start = msgspec.json.decode(fields["meta"], type=Start)
        rest = msgspec.json.decode(fields["rest"], type=Rest) if "rest" in fields else Rest()
        nodes = {k[2:]: v for k, v in fields.items() if k.startswith("n:")}
        return cls(
            head=Head.decode(fields["head"].decode()),
            rest=rest,
            ir=fields["ir"].decode() if "ir" in fields else start.ir,
            nodes={node: NodeRecord.decode(text.decode()) for node, text in nodes.items()},
        )


class WhyNot:
    """Reads only. What it sees is of about one moment: a run that moves may be ahead of it."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        runs: Runs,
        definitions: Definitions,
        admission: Admission,
    ) -> None:
        self._db = db
        self._bus = bus
        self._runs = runs
        self._definitions = definitions
        self._admission = admission

    async def blockers(self, principal: Principal, run: str) -> Blockers:
        """Raises NotFound, Unavailable."""
        row = await self._runs.row(principal, run)
        if RunStatus(row.status).ended:
            return blockers(Facts(row.id, RunStatus(row.status), row.accepted_at))
        (loaded,) = await self._bus.load_runs(row.partition, [run])
        state = None if loaded is None else OwnState.read(loaded)
        if state is None:
            return blockers(await self._without_state(principal, row))
        return blockers(await self._facts(principal, row, state))

    async def _without_state(self, principal: Principal, row: RunRow) -> Facts:
        async with self._db.connection() as c:
            place = await concurrency.standing(c, principal.tenant, row.id)
        waits = place is not None and place.granted_at is None
        return Facts(
            row.id, RunStatus(row.status), row.accepted_at, in_redis=False,
            owned=await self._bus.is_owned(row.partition),
            starts_held=self._admission.reason,
            key_line=KeyLine(place.key, place.holders, place.place) if place and waits else None,
        )  # fmt: skip

    async def _facts(self, principal: Principal, row: RunRow, state: OwnState) -> Facts:
        ir = await self._definitions.load_ir(principal.tenant, state.ir)
        views = {view.id: view for view in await self._runs.recorded_nodes(principal, row)}
        tokens = list(live_tokens(row.id, ir, state.nodes, views))
        lines = await self._lines(row.partition, tokens)
        workers = await self._bus.workers()
        ending = state.rest.ending
        return Facts(
            id=row.id,
            status=state.head.status,
            accepted_at=row.accepted_at,
            owned=await self._bus.is_owned(row.partition),
            tokens=tokens,
            loads=loads_of(workers),
            live_workers={worker.id for worker in workers},
            held={token: worker for line in lines.values() for token, worker in line.held.items()},
            positions=positions_of(lines.values()),
            long_lines={type for type, line in lines.items() if not line.is_whole},
            began=await self._began(row.id),
            questions=await self._questions(principal, row.id, tokens),
            children=children_of(tokens, state.rest),
            max_parallel=ir.max_parallel,
            out=sum(token.status in DISPATCHED for token in tokens),
            paused=await self._pause_of(row.id, state.head),
            stops_at=instant(ending.until) if ending is not None and ending.until else None,
        )

    async def _lines(self, p: int, tokens: list[Token]) -> dict[str, TaskLine]:
        types = dict.fromkeys(token.type for token in tokens if token.status in DISPATCHED)
        return {type: await self._bus.task_line(p, type, limit=LINE_ENTRIES) for type in types}

    async def _began(self, run: str) -> dict[str, Started]:
        async with self._db.connection() as c:
            rows = await lookup.started_of_run(c, run, after=None, limit=None)
        return {
            str(TokenId(run, row.node, row.gen, row.attempt)): Started(row.worker, row.time)
            for row in rows
        }

    async def _questions(
        self, principal: Principal, run: str, tokens: list[Token]
    ) -> dict[str, Question]:
        if not any(token.asks for token in tokens):
            return {}
        async with self._db.connection() as c:
            rows = await approvals.list_approvals(
                c, principal.tenant, statuses=["pending"], workflow=None, run=run, asked=None,
                after=None, limit=QUESTIONS,
            )  # fmt: skip
        return {
            row.node: Question(row.id, row.requested_at, row.expires_at, row.assignees, row.groups)
            for row in rows
        }

    async def _pause_of(self, run: str, head: Head) -> Order | None:
        if head.status is not RunStatus.PAUSED:
            return None
        async with self._db.connection() as c:
            row = await pauses.last_pause(c, run, at_most=head.cmd)
        return Order(row.principal, row.created_at, row.reason) if row else None


def live_tokens(
    run: str, ir: Ir, nodes: Mapping[str, NodeRecord], views: Mapping[str, NodeView]
) -> Iterator[Token]:
    """The live ones, in the order of the document."""
    for node in ir.nodes:
        record = nodes.get(node.id)
        if record is not None and record.status.live:
            yield _token(run, node, record, views.get(node.id))


def children_of(tokens: Iterable[Token], rest: Rest) -> dict[str, ChildRuns]:
    """By node; of each the first child runs that go on."""
    found: dict[str, ChildRuns] = {}
    for token in tokens:
        if (children := rest.children.get(token.node)) is not None:
            runs = [child_run_id(token.id, n) for n in islice(live_items(children), CHILDREN)]
            ended = children.next - running(children)
            found[token.node] = ChildRuns(runs, ended, children.count)
    return found


def _token(run: str, node: IrNode, record: NodeRecord, view: NodeView | None) -> Token:
    # What is recorded may be of an execution before this one.
    same = view if view is not None and view.gen == record.gen else None
    error = (same.error or {}).get("message") if same is not None else None
    return Token(
        id=str(TokenId(run, node.id, record.gen, record.attempt)),
        node=node.id,
        type=node.type,
        status=record.status,
        gen=record.gen,
        attempt=record.attempt,
        max_attempts=node.retry.max_attempts,
        due_at=instant(record.due_at) if record.due_at else None,
        since=same.started_at if same is not None else None,
        error=error,
        inline=node.inline,
        asks=node.type == "hitl",
        awaits=_awaits(node),
    )


def _awaits(node: IrNode) -> str | None:
    if node.type != "wait":
        return None
    name = msgspec.json.decode(node.config).get("message")
    return None if name is None else str(name)


def loads_of(workers: Iterable[WorkerInfo]) -> dict[str, Load]:
    """By node type; a worker of several types offers its slots to each."""
    loads: dict[str, Load] = {}
    for worker in workers:
        for spec in worker.types:
            known = loads.get(spec.name, Load(0, 0))
            loads[spec.name] = Load(known.slots + worker.slots, known.busy + worker.busy)
    return loads


def positions_of(lines: Iterable[TaskLine]) -> dict[str, int]:
    """Place in line of each waiting token, from 1."""
    return {token: n for line in lines for n, token in enumerate(line.waiting, start=1)}
