"""One step of a run: nodes end, edges are resolved, what follows is armed.

`Step` knows what follows from the end of a node. What armed nodes do is `pumping`'s, child runs are
`spawning`'s, the end of the run is `ending`'s, and what sets it all off (completions, timers,
commands) `advance`'s.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from minuet.model.event import Event
from minuet.model.state import Stored
from minuet.model.status import ERROR, EXHAUSTED, SUCCESS, TIMEOUT, NodeStatus, RunStatus
from minuet.model.token import Failure, Outcome, approval_id

from .backoff import retry_delay_ms
from .edges import ExpressionFailed, goes_round, taken_edges
from .plan import NodePlan
from .run_state import RunState
from .transition import DeadLetter, Limits, Transition
from .values import Values

encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
NO_OUTPUT = Stored()
Extra = dict[str, Any]
ENDED = int(RunStatus.SUCCEEDED)  # compared as a number: this is the hot path


class Step:
    """Works on one transition; not used again after `settle`."""

    def __init__(self, state: RunState, now: int, limits: Limits) -> None:
        self.state = state
        self.frontier = state.frontier
        self.plan = state.plan
        self.now = now
        self.limits = limits
        self.transition = Transition(state.run)
        self.values = Values(state)
        self.fresh: set[int] = set()  # armed in this transition, not yet told by an event
        self.used_bytes = 0  # of tokens and of inline outputs
        self.inline_steps = 0
        self.kept = state.start.kept
        self.spawning = state.rest.children
        self.parked: list[int] = []  # armed nodes that wait for a blob

    # ── how nodes end ─────────────────────────────────────────────────────────────────────────

    def finish(
        self,
        node: NodePlan,
        status: NodeStatus,
        port: str,
        stored: Stored,
        outcome: Outcome | None = None,
        extra: Extra | None = None,
    ) -> None:
        """The node ends on `port`; edges are resolved, or its loop goes round again, unless one of
        their conditions fails: then the node fails instead."""
        previous = self.state.outputs.get(node.id)
        self._keep(node.id, stored)
        taken: list[int] | None = None
        if node.decides:
            iteration = self.frontier.cell(node.index)[3]
            try:
                # A kept loop is over: what was kept is its last round.
                may_loop = node.closes and not (extra and "reused" in extra)
                again = may_loop and goes_round(node, port, self.values, iteration)
                if again and iteration + 1 < node.back.max_iterations:
                    self._go_round(node, status, port, stored, outcome, extra)
                    return
                if again and not node.node.on_error_continue:
                    port = EXHAUSTED
                if node.conditional:
                    taken = taken_edges(node, port, self.values, iteration)
            except ExpressionFailed as failed:
                self._restore_output(node.id, previous)
                self._edge_failed(node, status, port, failed, outcome)
                return
            if port == EXHAUSTED and not self.plan.router.listens(node.index, EXHAUSTED):
                message = f"the loop still wants to go on after {iteration + 1} rounds"
                self._fatal(node, status, Failure(EXHAUSTED, message, retryable=False), outcome)
                return
        data = _ended(status, port, stored, outcome)
        if extra:
            data.update(extra)
        if taken is not None:
            data["taken"] = taken
        self._store(node, stored)
        self._close(node, status, port, data)
        self.resolve(node.index, port, taken)

    def resolve(self, index: int, port: str, taken: Sequence[int] | None) -> None:
        """Resolve the out-edges of a node that ended, and what follows from that."""
        armed, skipped = self.frontier.resolve(index, port, taken)
        for each in skipped:
            self.skip(each)
        self.arm(armed)

    def _go_round(
        self,
        node: NodePlan,
        status: NodeStatus,
        port: str,
        stored: Stored,
        outcome: Outcome | None,
        extra: Extra | None,
    ) -> None:
        """End the node and begin the next round of its loop; what is live in the body belongs to
        the round that is over."""
        body = self.frontier.body(node.index)
        live = (i for i in body if i != node.index and NodeStatus(self.frontier.cell(i)[0]).live)
        self.cancel_nodes(live)
        data = _ended(status, port, stored, outcome) | (extra or {})
        data["loop"] = self.frontier.cell(node.index)[3] + 1
        self._store(node, stored)
        self._close(node, status, port, data)
        self.arm([self.state.iterate(node.index)])

    def _edge_failed(
        self,
        node: NodePlan,
        status: NodeStatus,
        port: str,
        failed: ExpressionFailed,
        outcome: Outcome | None,
    ) -> None:
        failure = Failure("expression", str(failed), retryable=False, operation="edge")
        if port == ERROR or status is not NodeStatus.SUCCEEDED:
            self._fatal(node, NodeStatus.FAILED, failure, outcome)
        else:
            self.give_up(node, failure, outcome)

    def failed(self, node: NodePlan, failure: Failure, outcome: Outcome | None = None) -> None:
        """An attempt failed: retry, or give up."""
        token = self.state.token_id(node.index)
        attempt = self.frontier.cell(node.index)[2]
        delay_ms = retry_delay_ms(node.node.retry, attempt, token, failure)
        if delay_ms is None:
            self.give_up(node, failure, outcome)
        else:
            self._retry(node, self.now + delay_ms, failure)

    def _retry(self, node: NodePlan, due_at: int, failure: Failure) -> None:
        self._forget_children(node)
        coming = self.frontier.next_attempt(node.index)
        self.frontier.mark(node.index, NodeStatus.RETRYING)
        self.state.due[node.index] = due_at
        self.transition.timers_add[f"retry {self.state.token_id(node.index)}"] = due_at
        self.node_event(
            "node.retrying", node.index, {"attempt": coming, "due_at": due_at, "error": failure}
        )

    def give_up(self, node: NodePlan, failure: Failure, outcome: Outcome | None) -> None:
        timed_out = failure.code == TIMEOUT
        status = NodeStatus.TIMED_OUT if timed_out else NodeStatus.FAILED
        for port in (TIMEOUT, ERROR) if timed_out else (ERROR,):
            if self.plan.router.listens(node.index, port) or self._fails_into_loop(node, port):
                self.finish(node, status, port, NO_OUTPUT, outcome, {"error": failure})
                return
        if node.node.on_error_continue:
            self.finish(node, status, SUCCESS, NO_OUTPUT, outcome, {"error": failure})
        else:
            self._fatal(node, status, failure, outcome)

    def _fails_into_loop(self, node: NodePlan, port: str) -> bool:
        """Whether the loop that the node closes goes round by this failure, or has run out by it. A
        condition that fails is left to `finish`."""
        if not node.closes or node.back.on != port:
            return False
        self._keep(node.id, NO_OUTPUT)
        iteration = self.frontier.cell(node.index)[3]
        try:
            again = goes_round(node, port, self.values, iteration)
        except ExpressionFailed:
            return True
        runs_out = iteration + 1 >= node.back.max_iterations
        return again and not (runs_out and node.node.on_error_continue)

    def _fatal(
        self, node: NodePlan, status: NodeStatus, failure: Failure, outcome: Outcome | None
    ) -> None:
        """Nothing listens to this failure: the run fails, its other tokens are cancelled. Where it
        is being compensated already the rest is undone all the same."""
        status = NodeStatus.FAILED if status is NodeStatus.SUCCEEDED else status
        data = _ended(status, ERROR, NO_OUTPUT, outcome) | {"error": failure, "fatal": True}
        letter = {"token": self.state.token_id(node.index), "error": failure}
        self.transition.dead_letters.append(DeadLetter("node_failed", node.id, encode(letter)))
        self._keep(node.id, NO_OUTPUT)
        self._store(node, NO_OUTPUT)
        self._close(node, status, ERROR, data)
        if self.state.status is RunStatus.COMPENSATING:
            self.state.note_not_undone(node.index)
            self.transition.rest = True
        else:
            error = {"code": failure.code, "message": failure.message, "node": node.id}
            self.fail(error)

    def fail(self, error: dict[str, Any]) -> None:
        """The run fails, whatever it was doing."""
        raise NotImplementedError

    def _close(self, node: NodePlan, status: NodeStatus, port: str, data: dict[str, Any]) -> None:
        if node.spawns:
            self._forget_children(node)
        self.frontier.mark(node.index, status)
        self.state.ports[node.index] = port
        if node.is_undone and status is NodeStatus.SUCCEEDED:
            self.state.note_finished(node.index)
            self.transition.rest = True
        self.node_event("node.ended", node.index, data)

    def close_stopped(self, node: NodePlan, outcome: Outcome) -> None:
        """A worker let go of a node of a run that is being cancelled, or was quicker: what it did
        is recorded, but leads nowhere."""
        if outcome.failure is not None or outcome.waiting:
            self._forget_children(node)
            self.frontier.mark(node.index, NodeStatus.CANCELLED)
            data: dict[str, Any] = {"status": NodeStatus.CANCELLED.word}
            self.node_event("node.ended", node.index, data)
            return
        stored = Stored(outcome.output, outcome.output_ref, outcome.values)
        self._keep(node.id, stored)
        self._store(node, stored)
        data = _ended(NodeStatus.SUCCEEDED, outcome.port, stored, outcome)
        self._close(node, NodeStatus.SUCCEEDED, outcome.port, data)

    def skip(self, index: int, data: Extra | None = None) -> None:
        if self.frontier.gen(index):  # it ran in an earlier round: that output is past
            name = self.plan.nodes[index].id
            self._keep(name, NO_OUTPUT)
            self.transition.outputs[name] = encode(NO_OUTPUT)
        self.node_event("node.ended", index, {"status": NodeStatus.SKIPPED.word, **(data or {})})

    def wait(self, index: int, due_at: int | None, extra: Extra | None = None) -> None:
        self.frontier.mark(index, NodeStatus.WAITING)
        data: dict[str, Any] = {"attempt": self.frontier.cell(index)[2], **(extra or {})}
        if due_at is not None:
            self.state.due[index] = due_at
            self.transition.timers_add[f"wait {self.state.token_id(index)}"] = due_at
            data["due_at"] = due_at
        self.node_event("node.waiting", index, data)

    def _store(self, node: NodePlan, stored: Stored) -> None:
        """What the commit writes of an output. Null needs no field, but must replace the output of
        an earlier round."""
        if stored.ref is not None or stored.value != _NULL or self.frontier.gen(node.index) > 1:
            self.transition.outputs[node.id] = encode(stored)

    def _keep(self, node: str, stored: Stored) -> None:
        if node in self.plan.kept and (stored.ref is not None or stored.value != _NULL):
            self.state.outputs[node] = stored
        else:
            self.state.outputs.pop(node, None)
        self.values.forget(node)

    def _restore_output(self, node: str, previous: Stored | None) -> None:
        self._keep(node, previous or NO_OUTPUT)

    def cancel_nodes(self, nodes: Iterable[int]) -> None:
        """End live nodes as cancelled; dispatched ones are named so that workers let go of
        them."""
        cancelled = set(nodes)
        for index in sorted(cancelled):
            status, _, attempt, *_ = self.frontier.cell(index)
            token = self.state.token_id(index)
            if self.state.due.pop(index, None) is not None:
                self.drop_timer(f"{'wait' if status == NodeStatus.WAITING else 'retry'} {token}")
            elif status in (NodeStatus.READY, NodeStatus.WAITING):
                self.transition.cancelled.append(token)
            if self.plan.nodes[index].spawns:
                self.stop_children(index)
                self._forget_children(self.plan.nodes[index])
            if status == NodeStatus.WAITING and self.plan.nodes[index].asks:
                self.node_event("approval.cancelled", index, {"approval": self.approval(index)})
            self.fresh.discard(index)
            self.frontier.mark(index, NodeStatus.CANCELLED)
            data = {"status": NodeStatus.CANCELLED.word, "attempt": attempt}
            self.node_event("node.ended", index, data)
        for heap in (self.state.armed, self.state.armed_inline):
            if not cancelled.isdisjoint(heap):
                heap[:] = [index for index in heap if index not in cancelled]
                heapq.heapify(heap)

    def drop_wait(self, index: int) -> None:
        """A waiting node stops waiting."""
        if self.state.due.pop(index, None) is not None:
            self.drop_timer(f"wait {self.state.token_id(index)}")

    def _forget_children(self, node: NodePlan) -> None:
        if node.spawns and self.state.forget_children(node.index):
            self.transition.rest = True

    def stop_children(self, index: int) -> None:
        """Nobody waits any more for the child runs that the node started."""
        raise NotImplementedError

    def drop_timer(self, member: str) -> None:
        self.transition.timers_add.pop(member, None)
        self.transition.timers_del.append(member)

    def arm(self, nodes: Sequence[int]) -> None:
        for index in nodes:
            self.state.arm(index)
            self.fresh.add(index)

    def approval(self, index: int) -> str:
        return approval_id(self.state.run, self.plan.nodes[index].id, self.frontier.gen(index))

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def emit(self, type: str, *, data: dict[str, Any]) -> None:
        self.state.seq += 1
        self.transition.events.append(Event(type, None, None, data))

    def node_event(self, type: str, index: int, data: dict[str, Any]) -> None:
        self.state.seq += 1
        if type == "node.ready" and self.state.status is RunStatus.WAITING:
            self.state.status = RunStatus.RUNNING
        gen = self.frontier.gen(index)
        self.transition.events.append(Event(type, self.plan.nodes[index].id, gen, data))


def _ended(
    status: NodeStatus, port: str, stored: Stored, outcome: Outcome | None
) -> dict[str, Any]:
    """Data of a `node.ended` event."""
    data: dict[str, Any] = {"status": status.word, "port": port}
    if stored.ref is not None:
        data["output_ref"] = stored.ref
        if stored.values:
            data["values"] = stored.values
    elif stored.value != _NULL:
        data["output"] = stored.value
    if outcome is not None:
        if outcome.started_at is not None:
            data["started_at"] = outcome.started_at
        if outcome.worker is not None:
            data["worker"] = outcome.worker
    return data
