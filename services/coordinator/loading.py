"""Brings the runs that a batch names into memory."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog

from minuet.bus.api import CoordinatorBus
from minuet.cas.plans import Blobs, PlanCache
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.errors import NotFound
from minuet.model.signal import Start
from minuet.model.state import Head

from .batch import Batch
from .partition import OwnedPartition

log = structlog.get_logger()
_UNREADABLE = (ValueError, KeyError, msgspec.MsgspecError)
_start = msgspec.json.Decoder(Start).decode


class Loader:
    """Reads runs from Redis after every commit under way, so that it sees their effect."""

    def __init__(self, bus: CoordinatorBus, plans: PlanCache, blobs: Blobs) -> None:
        self._bus = bus
        self._plans = plans
        self._blobs = blobs

    async def load(self, partition: OwnedPartition, batch: Batch) -> dict[str, Head]:
        """Fill `partition.states` for the runs of `batch`; the heads of those that Redis knows
        and that stay absent nonetheless.

        A run that neither Redis knows nor the batch starts stays absent; so does one that ended,
        and one whose IR no store has. One that cannot be read is poison of the batch. A child run
        that cannot be started for such a reason is noted as stillborn: nobody else would tell.
        """
        missing = [run for run in batch.runs if run not in partition.states]
        heads: dict[str, Head] = {}
        if not missing:
            return heads
        found = await self._bus.load_runs(partition.p, missing)
        for run, loaded in zip(missing, found, strict=True):
            try:
                if loaded is not None:
                    heads[run] = Head.decode(loaded.fields["head"].decode())
                    await self._from_redis(partition, run, heads[run], loaded.fields)
                elif run in batch.starts:
                    await self._fresh(partition, batch.starts[run])
                    if run not in partition.states:
                        batch.stillborn[run] = "no store has its compiled document"
            except _UNREADABLE as exc:
                reason = f"the run cannot be read: {type(exc).__name__}: {exc}"
                batch.poison.append(([("k", b"run"), ("run", run.encode())], reason))
                if loaded is None:
                    batch.stillborn[run] = reason
        return {run: head for run, head in heads.items() if run not in partition.states}

    async def load_wanted(self, partition: OwnedPartition, batch: Batch) -> None:
        """Blobs without which nodes of the batch's runs cannot go on. One that no store has is
        told as missing. Raises Unavailable."""
        for run in batch.runs:
            state = partition.states.get(run)
            while state is not None and state.wanted:
                digest = next(iter(state.wanted))
                try:
                    state.blobs[digest] = await self._blobs.get(state.start.tenant, digest)
                except NotFound:
                    log.error("blob_missing", run_id=run, digest=digest)
                    state.blobs[digest] = None
                state.wanted.discard(digest)

    async def load_patches(self, partition: OwnedPartition, batch: Batch) -> dict[str, Plan]:
        """The plans that patch commands of `batch` lead to, by IR digest; the runs get the outputs
        that these may read. One that no store has is absent: the command will be refused."""
        plans: dict[str, Plan] = {}
        for run, digest in batch.patches():
            state = partition.states.get(run)
            if state is None:
                continue
            try:
                plans[digest] = await self._plans.get(state.start.tenant, digest)
            except NotFound:
                log.error("ir_missing", run_id=run, tenant=state.start.tenant, ir=digest)
                continue
            state.missing |= state.lacking(plans[digest])
            await self._load_outputs(partition, state)
        return plans

    async def reload(
        self, partition: OwnedPartition, run: str, start: Start | None
    ) -> RunState | None:
        """The run as Redis holds it, ignoring what is in memory; as `start` makes it if Redis
        does not know it."""
        partition.states.pop(run, None)
        [loaded] = await self._bus.load_runs(partition.p, [run])
        if loaded is not None:
            head = Head.decode(loaded.fields["head"].decode())
            await self._from_redis(partition, run, head, loaded.fields)
        elif start is not None:
            await self._fresh(partition, start)
        return partition.states.get(run)

    async def _from_redis(
        self, partition: OwnedPartition, run: str, head: Head, fields: Mapping[str, bytes]
    ) -> None:
        if head.status.ended or "meta" not in fields:
            return
        start = _start(fields["meta"])
        ir = fields["ir"].decode() if "ir" in fields else start.ir
        try:
            plan = await self._plans.get(start.tenant, ir)
        except NotFound:
            log.error("ir_missing", run_id=run, tenant=start.tenant, ir=ir)
            return
        state = RunState.from_hash(plan, start, fields)
        await self._load_outputs(partition, state)
        partition.states[run] = state

    async def _load_outputs(self, partition: OwnedPartition, state: RunState) -> None:
        if state.missing:
            nodes = sorted(state.missing)
            data = await self._bus.load_outputs(partition.p, state.run, nodes)
            state.add_outputs(
                {node: each for node, each in zip(nodes, data, strict=True) if each is not None}
            )

    async def _fresh(self, partition: OwnedPartition, start: Start) -> None:
        try:
            plan = await self._plans.get(start.tenant, start.ir)
        except NotFound:
            # The relay puts the IR into the cache before it sends again.
            log.error("ir_missing", run_id=start.run, tenant=start.tenant, ir=start.ir)
            return
        partition.states[start.run] = RunState(plan, start)
