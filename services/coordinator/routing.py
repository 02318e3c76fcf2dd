"""Routes a batch: each run once, all transitions into one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

import msgspec
import structlog

from minuet.cas.plans import Blobs, PlanCache
from minuet.ir.advance import abort, advance
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Limits, RunInput, Transition
from minuet.model.errors import BusUnavailable, Overloaded, StoreUnavailable
from minuet.model.signal import Start
from minuet.model.status import ERROR
from minuet.model.token import Failure, Outcome

from . import metrics
from .assembler import Assembler
from .batch import Batch
from .clock import RedisClock
from .fairness import LARGE, UNBOUND, Fairness
from .loading import Loader
from .partition import Installed, OwnedPartition
from .restoring import RestoredRun, Restores

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class Store(Blobs, Protocol):
    """The content-addressed store as the owner of runs uses it."""

    async def put(self, tenant: str, data: bytes) -> object:
        """Raises Unavailable."""


class Known(NamedTuple):
    """What the batch itself tells of a run."""

    start: Start | None
    restored: RestoredRun | None
    plans: Mapping[str, Plan]


class Prepared(NamedTuple):
    """Runs to be restored, not yet installed, and the plans of patches by IR digest."""

    restored: Mapping[str, RestoredRun]
    plans: Mapping[str, Plan]


class BatchRouter:
    """Owns the way from a decoded batch to a commit that was sent."""

    def __init__(
        self,
        loader: Loader,
        plans: PlanCache,
        blobs: Store,
        clock: RedisClock,
        slots: Mapping[str, float],
        whole: Mapping[str, float] | None = None,
    ) -> None:
        self._loader = loader
        self._blobs = blobs
        self._restores = Restores(plans, blobs, clock)
        self._clock = clock
        self._slots = slots
        self._whole = whole if whole is not None else slots
        self.fairness = Fairness(self._whole)

    async def route(self, partition: OwnedPartition, batch: Batch, *, refuse: bool = False) -> None:
        """Route and send. With `refuse` the runs that the batch names are not routed but failed
        (the batch brought down its owners before).

        Raises BusUnavailable; StoreUnavailable if nothing happened yet, the batch may be routed
        again. Any failure after that leaves the partition lost: memory is ahead of Redis."""
        prepared = await self._prepare(partition, batch)
        if prepared is None:
            return
        try:
            await self._route_prepared(partition, batch, prepared, refuse)
        except StoreUnavailable:
            partition.give_up("store_unavailable")
            raise
        except BusUnavailable:  # no fault of the signals: nobody may suspect them
            partition.give_up("unknown_outcome")
            raise
        except BaseException:
            partition.give_up("error")
            raise

    async def _route_prepared(
        self,
        partition: OwnedPartition,
        batch: Batch,
        prepared: Prepared,
        refuse: bool,
    ) -> None:
        restored, plans = prepared
        started = self._clock.local()
        assembler = Assembler(
            partition.p, partition.owner, partition.number, batch.cursor, self._clock.now(),
            time=self._clock.reached(),
        )  # fmt: skip
        for each in restored.values():
            partition.states[each.run] = each.install(assembler)
            partition.restores[each.run] = Installed(each.last, partition.number)
        ended: list[str] = []
        for run, inputs in by_priority(partition, batch):
            known = Known(batch.starts.get(run), restored.get(run), plans)
            if not await self._route_run(partition, assembler, run, inputs, known, refuse):
                return  # the partition was lost meanwhile
            routed = partition.states.get(run)
            if routed is not None and routed.status.ended:
                ended.append(run)
                metrics.RUNS_ENDED.labels(routed.status.word).inc()
        self._finish(partition, batch, assembler)
        await self._put_blobs(assembler)
        self._count(partition, assembler)
        metrics.ROUTE_SECONDS.observe((self._clock.local() - started) / 1000)
        # Small pages beside a held run: a large one keeps its slot from everybody else.
        slots = self._whole if self.fairness.held else self._slots
        commit = assembler.commit(partition.outstanding, slots)
        for page in commit.pages:
            metrics.PAGE_TOKENS.observe(len(page.tokens))
        partition.send(commit, ended, batch.oldest_ms)

    def _count(self, partition: OwnedPartition, assembler: Assembler) -> None:
        """What the batch as a whole did: counted once, not once a run."""
        for type_, count in Counter(token.type for token in assembler.tokens).items():
            partition.count_out(type_, count)
        for type_, count in assembler.done.items():
            partition.count_out(type_, -count)
        metrics.STEPS.inc(sum(assembler.done.values()))
        if assembler.dropped:
            metrics.DROPPED.labels("stale").inc(assembler.dropped)

    async def _put_blobs(self, assembler: Assembler) -> None:
        """What the commit names must be there before it. Raises StoreUnavailable."""
        for (tenant, _), data in assembler.blobs.items():
            try:
                await self._blobs.put(tenant, data)
            except Overloaded as exc:  # Redis is full: the same signals are read again later
                raise StoreUnavailable(str(exc)) from exc

    async def _prepare(self, partition: OwnedPartition, batch: Batch) -> Prepared | None:
        """Bring everything into memory that routing needs; None if the partition was lost
        meanwhile."""
        await partition.room()
        await partition.shrink()
        _drop_moot(partition, batch)
        # What is in memory is not loaded, and a run that has ended may leave it at any await.
        held = {run: partition.states.get(run) for run in batch.restores}
        heads = await self._loader.load(partition, batch)
        restored: dict[str, RestoredRun] = {}
        for run, each in batch.restores.items():
            own = partition.states.get(run, held[run])
            found = await self._restores.read(partition, each, own, heads.get(run))
            if found is not None:
                restored[each.run] = found
        plans = await self._loader.load_patches(partition, batch)
        await self._loader.load_wanted(partition, batch)
        return None if partition.lost else Prepared(restored, plans)

    async def _route_run(
        self,
        partition: OwnedPartition,
        assembler: Assembler,
        run: str,
        inputs: list[RunInput],
        known: Known,
        refuse: bool,
    ) -> bool:
        if not inputs:
            return True  # a restore alone: it went on when it was installed
        state = partition.states.get(run)
        if state is None or state.status.ended:
            _count_dropped(inputs)
            return True
        self._note_completions(assembler, state, inputs)
        if refuse:
            reason = "its signals stopped several coordinators in a row"
            return await self._abort(partition, assembler, run, known, reason)
        try:
            now = self._clock.now()
            limits = self._limits(assembler, state, now)
            transition = advance(state, inputs, now, limits, known.plans)
            assembler.add(state, transition)
            self._note_held(state, limits, transition, now)
        except Exception as exc:  # a bug, or a poison signal: this run fails, the others go on
            log.exception("routing_failed", run_id=run, partition=partition.p)
            reason = f"{type(exc).__name__}: {exc}"
            return await self._abort(partition, assembler, run, known, reason)
        assembler.dropped += transition.dropped
        return True

    def _limits(self, assembler: Assembler, state: RunState, now: int) -> Limits:
        """What is left of the batch's bounds, and the run's bound beside others."""
        self.fairness.note(state.run, now)
        if len(state.plan.nodes) < LARGE:
            return assembler.limits()
        armed = state.armed
        type_ = state.plan.nodes[armed[0]].node.type if armed else None
        most = self.fairness.bound(state.run, type_, now, state.start.priority)
        return assembler.limits()._replace(in_flight=most)

    def _note_held(self, state: RunState, limits: Limits, transition: Transition, now: int) -> None:
        if limits.in_flight == UNBOUND and state.run not in self.fairness.held:
            return
        held = state.frontier.in_flight >= limits.in_flight and not transition.more
        self.fairness.hold(state.run, bool(held and state.armed), now)

    def _note_completions(
        self, assembler: Assembler, state: RunState, inputs: list[RunInput]
    ) -> None:
        plan, done = state.plan, assembler.done
        steps = 0
        for given in inputs:
            if type(given) is Completion and (index := plan.index.get(given.node)) is not None:
                steps += 1
                type_ = plan.nodes[index].node.type
                done[type_] = done.get(type_, 0) + 1
        if steps and len(plan.nodes) >= LARGE:
            self.fairness.count(steps, self._clock.now())

    async def _abort(
        self,
        partition: OwnedPartition,
        assembler: Assembler,
        run: str,
        known: Known,
        message: str,
    ) -> bool:
        """Fail the run from its last committed state: the copy in memory is half changed. If this
        very batch restores or starts it, from what that made of it."""
        await partition.drained()
        state: RunState | None
        if known.restored is not None:
            state = partition.states[run] = known.restored.again(assembler)
        else:
            state = await self._loader.reload(partition, run, known.start)
        if partition.lost:
            return False
        metrics.POISONED.inc()
        assembler.dead_letter("internal_error", run, "", _encode({"error": message}))
        if state is not None:
            assembler.add(state, abort(state, message))
        return True

    def _finish(self, partition: OwnedPartition, batch: Batch, assembler: Assembler) -> None:
        for run, reason in batch.stillborn.items():
            if (parent := batch.starts[run].parent) is not None:
                message = f"run {run} could not start: {reason}"
                failure = Failure("child_failed", message, retryable=False, cause="internal_error")
                outcome = Outcome(ERROR, failure=failure, item=parent.item)
                assembler.tell_parent(parent.token, outcome)
        # Postgres has its end: should Redis have gone back to a time when it lived, that is past.
        for run in batch.archived:
            partition.states.pop(run, None)
            assembler.purge(run)
        for run in batch.forget:
            partition.states.pop(run, None)
            assembler.unlink(run)
        for fields, reason in batch.poison:
            metrics.POISONED.inc()
            log.error("signal_unreadable", partition=partition.p, reason=reason)
            entry = {name: value.decode(errors="replace") for name, value in fields}
            assembler.dead_letter("signal", "", "", _encode({"error": reason, "entry": entry}))


def _drop_moot(partition: OwnedPartition, batch: Batch) -> None:
    """What came for runs whose end is recorded, or whose restore is still to come: Redis went back
    and they are not what they seem. Routed, it would send their nodes out again."""
    stale = partition.stale_at(batch.cursor)
    if not stale and not batch.archived:
        return
    for run in list(batch.runs):
        if run not in batch.restores and (run in stale or run in batch.archived):
            _count_dropped(batch.runs.pop(run))
            batch.starts.pop(run, None)


def _count_dropped(inputs: Iterable[RunInput]) -> None:
    for given in inputs:
        metrics.DROPPED.labels(type(given).__name__.lower()).inc()


def by_priority(partition: OwnedPartition, batch: Batch) -> Iterable[tuple[str, list[RunInput]]]:
    """Runs with their inputs, in order of arrival; if priorities differ, the highest first: their
    tokens enter the streams before the others'."""
    states = partition.states
    ranks = {
        run: state.start.priority for run in batch.runs if (state := states.get(run)) is not None
    }
    if len(set(ranks.values())) < 2:
        return batch.runs.items()
    return sorted(batch.runs.items(), key=lambda item: -ranks.get(item[0], 0))
