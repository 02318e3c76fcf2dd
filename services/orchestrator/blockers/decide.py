"""From what is known of a run to the one reason of each of its tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from minuet.model.status import NodeStatus, RunStatus
from minuet.views.blockers import MOVING, Blocker, BlockerGroup, Blockers, Kind

from .facts import ChildRuns, Facts, Token

LISTED: Final = 200
CHILD_TYPES: Final = frozenset({"map", "workflow"})


def blockers(facts: Facts) -> Blockers:
    reasons = [] if facts.status.ended else [(t, reason(t, facts)) for t in facts.tokens]
    groups = Counter((b.kind, token.type, b.blocks) for token, b in reasons)
    # A stable sort: within each half the order of the document.
    listed = sorted((b for _, b in reasons), key=lambda b: not b.blocks)[:LISTED]
    return Blockers(
        id=facts.id,
        status=facts.status.word,
        live=len(reasons),
        run=run_reason(facts),
        items=listed,
        groups=[
            BlockerGroup(kind, type, count, blocks)
            for (kind, type, blocks), count in groups.most_common()
        ],
    )


# ── the run as a whole ─────────────────────────────────────────────────────────────────────────


def run_reason(facts: Facts) -> Blocker | None:
    """The first thing in the way; of one that is not sent yet nobody needs to be the owner."""
    if not (facts.owned or facts.status.ended or facts.key_line or facts.starts_held):
        text = "No coordinator owns the run's partition: nothing is decided until one takes it."
        return _whole("no_coordinator", text)
    match facts.status:
        case RunStatus.QUEUED:
            return _queued(facts)
        case RunStatus.PAUSED:
            return _paused(facts)
        case RunStatus.CANCELLING:
            text = "The run is being stopped: it waits until its workers let go."
            return _whole("cancelling", text, until=facts.stops_at)
        case RunStatus.COMPENSATING:
            return _whole("compensating", "What the run did is being undone.")
    if not (facts.status.ended or facts.in_redis):
        text = "Redis does not hold the run: it is being restored from its history."
        return _whole("restoring", text)
    return None


def _queued(facts: Facts) -> Blocker:
    if facts.key_line is not None:
        line = facts.key_line
        text = f"It is number {line.position} in line for the concurrency key {line.key!r}."
        return _whole(
            "concurrency", text, since=facts.accepted_at, position=line.position, runs=line.holders
        )
    if facts.starts_held is not None:
        text = f"New runs are held back: {facts.starts_held}."
    else:
        text = "It is accepted, and its start is on its way to the coordinator."
    return _whole("queued", text, since=facts.accepted_at)


def _paused(facts: Facts) -> Blocker:
    order = facts.paused
    if order is None:
        return _whole("paused", "The run is paused.")
    why = f": {order.reason}" if order.reason else ""
    return _whole("paused", f"{order.by} paused the run{why}.", since=order.at, by=order.by)


def _whole(kind: Kind, text: str, **known: Any) -> Blocker:
    return Blocker(kind, text, kind not in MOVING, **known)


# ── one token ──────────────────────────────────────────────────────────────────────────────────


def reason(token: Token, facts: Facts) -> Blocker:
    return _REASONS[token.status](token, facts)


def _armed(token: Token, facts: Facts) -> Blocker:
    if facts.status is RunStatus.PAUSED:
        return _of(token, "paused", "It is ready, but the run is paused.")
    if facts.out >= facts.max_parallel:
        text = f"The run may have {facts.max_parallel} nodes out at a time, and has."
        return _of(token, "max_parallel", text)
    return _of(token, "dispatching", "It is ready and about to be dispatched.")


def _ready(token: Token, facts: Facts) -> Blocker:
    worker = facts.held.get(token.id)
    if worker is not None:
        return _in_hand(token, worker, facts)
    load = facts.loads.get(token.type)
    position = facts.positions.get(token.id)
    if position is None and token.type not in facts.long_lines:
        text = "It is between two places: its result is on its way, or it is sent anew in a minute."
        return _of(token, "under_way", text)
    if load is None:
        text = f"No live worker serves {token.type}."
        return _of(token, "no_worker", text, type=token.type, position=position)
    place = "far back" if position is None else f"number {position}"
    text = f"It is {place} in line for {token.type}: {load.busy} of {load.slots} slots are busy."
    return _of(
        token, "backlog", text,
        type=token.type, position=position, slots=load.slots, busy=load.busy,
    )  # fmt: skip


def _in_hand(token: Token, worker: str, facts: Facts) -> Blocker:
    began = facts.began.get(token.id)
    since = began.at if began is not None and began.worker == worker else None
    if worker not in facts.live_workers:
        text = f"Worker {worker} is gone: another takes over after its lease."
        return _of(token, "worker_gone", text, worker=worker, since=since)
    return _of(token, "running", f"Worker {worker} runs it.", worker=worker, since=since)


def _retrying(token: Token, facts: Facts) -> Blocker:
    text = f"Attempt {token.attempt} of {token.max_attempts} is due after a pause."
    return _of(token, "backoff", text, until=token.due_at, of=token.max_attempts, error=token.error)


def _waiting(token: Token, facts: Facts) -> Blocker:
    if token.asks:
        return _asked(token, facts)
    if token.awaits is not None:
        text = f"It waits for the message {token.awaits!r}."
        return _of(
            token, "message", text,
            message=token.awaits, since=token.since, until=token.due_at,
        )  # fmt: skip
    if token.type in CHILD_TYPES:
        return _child(token, facts)
    if token.inline:
        return _of(
            token, "timer", "It waits for a time to come.", since=token.since, until=token.due_at
        )
    text = "Its worker handed it to another system and waits for the answer."
    return _of(token, "handed_over", text, since=token.since, until=token.due_at)


def _child(token: Token, facts: Facts) -> Blocker:
    children = facts.children.get(token.node, ChildRuns([], 0, 0))
    if children.count == 1 and children.runs:
        text = f"It waits for run {children.runs[0]}."
    else:
        text = f"It waits for its child runs: {children.ended} of {children.count} have ended."
    return _of(token, "child", text, since=token.since, runs=children.runs)


def _asked(token: Token, facts: Facts) -> Blocker:
    question = facts.questions.get(token.node)
    if question is None:
        return _of(token, "approval", "It waits for a person.", until=token.due_at)
    who = ", ".join([*question.assignees, *(f"group {group}" for group in question.groups)])
    return _of(
        token, "approval", f"It waits for the approval of {who or 'anybody'}.",
        approval=question.id, since=question.requested_at, until=question.expires_at,
        assignees=question.assignees, groups=question.groups,
    )  # fmt: skip


def _cancelling(token: Token, facts: Facts) -> Blocker:
    worker, children = facts.held.get(token.id), facts.children.get(token.node)
    if children is not None:
        where = "until its child runs have ended"
    elif worker is not None:
        where = f"until worker {worker} lets go"
    else:
        where = "for a worker to take it from the line"
    return _of(
        token, "cancelling", f"It is cancelled and waits {where}.",
        worker=worker, until=facts.stops_at, runs=children.runs if children is not None else [],
    )  # fmt: skip


def _of(
    token: Token, kind: Kind, text: str, *, until: datetime | None = None, **known: Any
) -> Blocker:
    return Blocker(
        kind, text, kind not in MOVING,
        node=token.node, gen=token.gen, attempt=token.attempt, until=until, **known,
    )  # fmt: skip


_REASONS: Final[dict[NodeStatus, Callable[[Token, Facts], Blocker]]] = {
    NodeStatus.ARMED: _armed,
    NodeStatus.READY: _ready,
    NodeStatus.WAITING: _waiting,
    NodeStatus.RETRYING: _retrying,
    NodeStatus.CANCELLING: _cancelling,
}
