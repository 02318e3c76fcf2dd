"""Routes a batch: each run once, all transitions into one commit."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog

from minuet.ir.advance import abort, advance, reinstate
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, RunInput
from minuet.model.errors import NotFound
from minuet.model.signal import Restore
from minuet.model.state import RunSnapshot

from . import metrics
from .assembler import Assembler
from .batch import Batch
from .clock import RedisClock
from .loading import Loader
from .partition import OwnedPartition
from .plans import Blobs, PlanCache

log = structlog.get_logger()
_snapshot = msgspec.json.Decoder(RunSnapshot).decode
_encode = msgspec.json.Encoder().encode


class BatchRouter:
    """Owns the way from a decoded batch to a commit that was sent."""

    def __init__(
        self,
        loader: Loader,
        plans: PlanCache,
        blobs: Blobs,
        clock: RedisClock,
        slots: Mapping[str, float],
    ) -> None:
        self._loader = loader
        self._plans = plans
        self._blobs = blobs
        self._clock = clock
        self._slots = slots

    async def route(self, partition: OwnedPartition, batch: Batch, *, refuse: bool = False) -> None:
        """Route and send. With `refuse` the runs that the batch names are not routed but failed
        (the batch brought down its owners before). Raises BusUnavailable."""
        restored = await self._prepare(partition, batch)
        if restored is None:
            return
        started = self._clock.local()
        assembler = Assembler(
            partition.p, partition.owner, partition.number, batch.cursor, self._clock.now()
        )
        for run in restored:
            state = partition.states[run]
            assembler.add(state, reinstate(state, self._clock.now()), replace=True)
        ended: list[str] = []
        for run, inputs in batch.runs.items():
            if not await self._route_run(partition, assembler, run, inputs, refuse):
                return  # the partition was lost meanwhile
            routed = partition.states.get(run)
            if routed is not None and routed.status.ended:
                ended.append(run)
                metrics.RUNS_ENDED.labels(routed.status.word).inc()
        self._finish(partition, batch, assembler)
        for token in assembler.tokens:
            partition.count_out(token.type, 1)
        metrics.ROUTE_SECONDS.observe((self._clock.local() - started) / 1000)
        commit = assembler.commit(partition.outstanding, self._slots)
        for page in commit.pages:
            metrics.PAGE_TOKENS.observe(len(page.tokens))
        partition.send(commit, ended, batch.oldest_ms)

    async def _prepare(self, partition: OwnedPartition, batch: Batch) -> list[str] | None:
        """Bring everything into memory that routing needs; the runs restored by it, or None if
        the partition was lost meanwhile."""
        await partition.room()
        if not partition.lost:
            await self._loader.load(partition, batch)
        restored = [
            each.run for each in batch.restores.values() if await self._restore(partition, each)
        ]
        return None if partition.lost else restored

    async def _route_run(
        self,
        partition: OwnedPartition,
        assembler: Assembler,
        run: str,
        inputs: list[RunInput],
        refuse: bool,
    ) -> bool:
        state = partition.states.get(run)
        if state is None or state.status.ended:
            self._count_dropped(inputs)
            return True
        self._note_completions(partition, state, inputs)
        if refuse:
            reason = "its signals stopped several coordinators in a row"
            return await self._abort(partition, assembler, run, reason)
        try:
            transition = advance(state, inputs, self._clock.now(), assembler.limits())
        except Exception as exc:  # a bug, or a poison signal: this run fails, the others go on
            log.exception("routing_failed", run_id=run, partition=partition.p)
            return await self._abort(partition, assembler, run, f"{type(exc).__name__}: {exc}")
        if transition.dropped:
            metrics.DROPPED.labels("stale").inc(transition.dropped)
        assembler.add(state, transition)
        return True

    def _note_completions(
        self, partition: OwnedPartition, state: RunState, inputs: list[RunInput]
    ) -> None:
        steps = 0
        for given in inputs:
            if type(given) is Completion:
                index = state.plan.index.get(given.node)
                if index is not None:
                    steps += 1
                    partition.count_out(state.plan.nodes[index].node.type, -1)
        if steps:
            metrics.STEPS.inc(steps)

    async def _abort(
        self, partition: OwnedPartition, assembler: Assembler, run: str, message: str
    ) -> bool:
        """Fail the run from its last committed state: the copy in memory is half changed."""
        await partition.drained()
        if partition.lost:
            return False
        state = await self._loader.reload(partition, run)
        metrics.POISONED.inc()
        assembler.dead_letter("internal_error", run, "", _encode({"error": message}))
        if state is not None:
            assembler.add(state, abort(state, message))
        return True

    async def _restore(self, partition: OwnedPartition, restore: Restore) -> bool:
        """Replace the state in memory by what Postgres holds; whether that was called for."""
        own = partition.states.get(restore.run)
        if own is not None and own.seq >= restore.seq and not restore.fork:
            return False
        try:
            data = await self._blobs.get(restore.tenant, restore.state.digest)
            snapshot = _snapshot(data)
            plan = await self._plans.get(restore.tenant, snapshot.start.ir)
        except (NotFound, msgspec.MsgspecError) as exc:
            log.error("restore_unreadable", run_id=restore.run, error=str(exc))
            return False
        partition.states[restore.run] = RunState.from_snapshot(plan, snapshot)
        return True

    def _count_dropped(self, inputs: list[RunInput]) -> None:
        for given in inputs:
            metrics.DROPPED.labels(type(given).__name__.lower()).inc()

    def _finish(self, partition: OwnedPartition, batch: Batch, assembler: Assembler) -> None:
        for run in batch.archived:
            assembler.purge(run)
        for run in batch.forget:
            assembler.unlink(run)
        for fields, reason in batch.poison:
            metrics.POISONED.inc()
            log.error("signal_unreadable", partition=partition.p, reason=reason)
            entry = {name: value.decode(errors="replace") for name, value in fields}
            assembler.dead_letter("signal", "", "", _encode({"error": reason, "entry": entry}))
