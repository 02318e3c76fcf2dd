"""The walk of one transition: nodes end, edges are resolved, armed nodes go on.

`Step` knows what follows from the end of a node; what ends nodes (completions, timers, commands)
is `advance`'s.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from minuet.model.event import Event
from minuet.model.state import Stored
from minuet.model.status import ERROR, SUCCESS, TIMEOUT, NodeStatus, RunStatus
from minuet.model.token import CasRef, Failure, Outcome, approval_id

from .backoff import retry_delay_ms
from .edges import ExpressionFailed, taken_edges
from .inline import InlineWait, evaluate_inline
from .outputs import render_outputs
from .plan import NodePlan
from .run_state import RunState
from .tokens import make_token
from .transition import DeadLetter, Limits, Transition
from .values import NeedsBlob, Values

encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
NO_OUTPUT = Stored()


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

    # ── how nodes end ─────────────────────────────────────────────────────────────────────────

    def finish(
        self,
        node: NodePlan,
        status: NodeStatus,
        port: str,
        stored: Stored,
        outcome: Outcome | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """The node ends on `port`; edges are resolved, unless one of their conditions fails:
        then the node fails instead."""
        previous = self.state.outputs.get(node.id)
        self._keep(node.id, stored)
        taken: list[int] | None = None
        if node.conditional:
            try:
                taken = taken_edges(node, port, self.values)
            except ExpressionFailed as failed:
                self._restore_output(node.id, previous)
                self._edge_failed(node, status, port, failed, outcome)
                return
        data = _ended(status, port, stored, outcome)
        if extra:
            data.update(extra)
        if taken is not None:
            data["taken"] = taken
        if stored.ref is not None or stored.value != _NULL:
            self.transition.outputs[node.id] = encode(stored)
        self._close(node, status, port, data)
        armed, skipped = self.frontier.resolve(node.index, port, taken)
        for index in skipped:
            self.skip(index)
        self.arm(armed)

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
            if self.plan.router.listens(node.index, port):
                self.finish(node, status, port, NO_OUTPUT, outcome, {"error": failure})
                return
        if node.node.on_error_continue:
            self.finish(node, status, SUCCESS, NO_OUTPUT, outcome, {"error": failure})
        else:
            self._fatal(node, status, failure, outcome)

    def _fatal(
        self, node: NodePlan, status: NodeStatus, failure: Failure, outcome: Outcome | None
    ) -> None:
        """Nothing listens to this failure: the run fails, its other tokens are cancelled."""
        data = _ended(status, ERROR, NO_OUTPUT, outcome) | {"error": failure, "fatal": True}
        letter = {"token": self.state.token_id(node.index), "error": failure}
        self.transition.dead_letters.append(DeadLetter("node_failed", node.id, encode(letter)))
        self._close(node, status, ERROR, data)
        self.fail({"code": failure.code, "message": failure.message, "node": node.id})

    def _close(self, node: NodePlan, status: NodeStatus, port: str, data: dict[str, Any]) -> None:
        self.frontier.mark(node.index, status)
        self.state.ports[node.index] = port
        self.node_event("node.ended", node.index, data)

    def skip(self, index: int) -> None:
        self.node_event("node.ended", index, {"status": NodeStatus.SKIPPED.word})

    def wait(self, index: int, due_at: int | None) -> None:
        self.frontier.mark(index, NodeStatus.WAITING)
        data: dict[str, Any] = {"attempt": self.frontier.cell(index)[2]}
        if due_at is not None:
            self.state.due[index] = due_at
            self.transition.timers_add[f"wait {self.state.token_id(index)}"] = due_at
            data["due_at"] = due_at
        self.node_event("node.waiting", index, data)

    def _keep(self, node: str, stored: Stored) -> None:
        if node in self.plan.kept and (stored.ref is not None or stored.value != _NULL):
            self.state.outputs[node] = stored
        else:
            self.state.outputs.pop(node, None)
        self.values.forget(node)

    def _restore_output(self, node: str, previous: Stored | None) -> None:
        self._keep(node, previous or NO_OUTPUT)

    # ── how the run ends ──────────────────────────────────────────────────────────────────────

    def cancel_live(self) -> None:
        """Cancel every live token; dispatched ones are named so that workers let go of them."""
        for index in self.frontier.live_nodes():
            status, _, attempt, *_ = self.frontier.cell(index)
            token = self.state.token_id(index)
            if self.state.due.pop(index, None) is not None:
                kind = "wait" if status == NodeStatus.WAITING else "retry"
                self.drop_timer(f"{kind} {token}")
            elif status != NodeStatus.ARMED:
                self.transition.cancelled.append(token)
            if status == NodeStatus.WAITING and self.plan.nodes[index].asks:
                self.node_event("approval.cancelled", index, {"approval": self._approval(index)})
            self.fresh.discard(index)
            self.frontier.mark(index, NodeStatus.CANCELLED)
            data = {"status": NodeStatus.CANCELLED.word, "attempt": attempt}
            self.node_event("node.ended", index, data)
        self.state.armed.clear()
        self.state.armed_inline.clear()

    def end(
        self,
        status: RunStatus,
        *,
        outputs: Any = None,
        refs: Mapping[str, CasRef] | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        self.state.status = status
        if self.state.deadline_at:
            self.drop_timer(f"deadline {self.state.run}")
        data: dict[str, Any] = {"status": status.word}
        if outputs is not None:
            data["outputs"] = outputs
        if refs:
            data["outputs_ref"] = refs
        if error is not None:
            data["error"] = error
        self.emit("run.ended", data=data)

    def fail(self, error: dict[str, Any]) -> None:
        """End the run as failed, whatever it was doing."""
        self.cancel_live()
        self.end(RunStatus.FAILED, error=error)

    def drop_timer(self, member: str) -> None:
        self.transition.timers_add.pop(member, None)
        self.transition.timers_del.append(member)

    def end_if_done(self) -> None:
        if self.state.status.ended or self.frontier.live or self.state.cmd < 0:
            return
        try:
            rendered = render_outputs(self.state, self.values)
        except ExpressionFailed as failed:
            self.end(RunStatus.FAILED, error={"code": "expression", "message": str(failed)})
        else:
            self.end(RunStatus.SUCCEEDED, outputs=rendered.values, refs=rendered.refs)

    # ── armed nodes ───────────────────────────────────────────────────────────────────────────

    def arm(self, nodes: Sequence[int]) -> None:
        for index in nodes:
            self.state.arm(index)
            self.fresh.add(index)

    def settle(self) -> None:
        """Walk on: inline nodes are evaluated, task nodes dispatched, as far as bounds allow."""
        self.pump()
        if not self.state.status.ended:
            self.hold_rest()
            self.end_if_done()
            self._note_waiting()
        if self.transition.patched:
            self.transition.records = self.state.records()
        else:
            touched = self.frontier.take_touched()
            nodes = self.plan.nodes
            self.transition.records = {nodes[i].id: self.state.record(i) for i in touched}

    def pump(self) -> None:
        """Armed nodes in ascending order, for as long as one of them may go on. Those that may not
        are never looked at: a completion in a wide run costs no more than in a narrow one."""
        state = self.state
        while not state.status.ended:
            # `and`, not a call a round: this loop is the hot path, and heaps are mostly empty.
            inline = state.armed_inline and self._may_evaluate() and state.armed_inline
            tasks = state.armed and self._may_dispatch() and state.armed
            if inline and (not tasks or inline[0] < tasks[0]):
                self.inline_steps += 1
                self._run_inline(self.plan.nodes[heapq.heappop(state.armed_inline)])
            elif tasks:
                self._dispatch(self.plan.nodes[heapq.heappop(state.armed)])
            else:
                break
        if state.armed_inline or (state.armed and self.out_of_budget()):
            self.transition.more = True

    def _may_evaluate(self) -> bool:
        return (
            self.inline_steps < self.limits.inline_steps
            and self.used_bytes < self.limits.token_bytes
        )

    def _may_dispatch(self) -> bool:
        return self.frontier.in_flight < self.plan.ir.max_parallel and not self.out_of_budget()

    def out_of_budget(self) -> bool:
        return (
            len(self.transition.tokens) >= self.limits.tokens
            or self.used_bytes >= self.limits.token_bytes
        )

    def hold_rest(self) -> None:
        """Tell which nodes stay armed: history must give back exactly this state."""
        for index in sorted(self.fresh):
            attempt = self.frontier.cell(index)[2]
            self.node_event("node.ready", index, {"attempt": attempt, "held": True})
        self.fresh.clear()

    def _run_inline(self, node: NodePlan) -> None:
        self.fresh.discard(node.index)
        if node.node.unknown:
            message = f"no worker ever registered the type '{node.node.type}'"
            self.node_event("warning", node.index, {"code": "unknown_type", "message": message})
            self.finish(node, NodeStatus.SUCCEEDED, SUCCESS, NO_OUTPUT, extra={"skipped": True})
            return
        iteration = self.frontier.cell(node.index)[3]
        try:
            found = evaluate_inline(node, self.values, iteration, self.limits.inline_value_bytes)
        except NeedsBlob:
            self._dispatch(node)
        except ExpressionFailed as failed:
            self.failed(node, Failure("expression", str(failed), retryable=False))
        else:
            if isinstance(found, InlineWait):
                self.wait(node.index, max(found.until_ms(self.now), self.now))
            else:
                self.used_bytes += len(bytes(found.output))
                self.finish(node, NodeStatus.SUCCEEDED, found.port, Stored(found.output))

    def _dispatch(self, node: NodePlan) -> None:
        attempt = self.frontier.cell(node.index)[2]
        self.fresh.discard(node.index)
        self.frontier.mark(node.index, NodeStatus.READY)
        self.node_event("node.ready", node.index, {"attempt": attempt})
        self.send(node)

    def send(self, node: NodePlan) -> None:
        token = make_token(self.state, node, self.values)
        self.used_bytes += len(token.data)
        self.transition.tokens.append(token)

    def _approval(self, index: int) -> str:
        return approval_id(self.state.run, self.plan.nodes[index].id, self.frontier.cell(index)[1])

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def emit(self, type: str, *, data: dict[str, Any]) -> None:
        self.state.seq += 1
        self.transition.events.append(Event(type, None, None, data))

    def node_event(self, type: str, index: int, data: dict[str, Any]) -> None:
        self.state.seq += 1
        if type == "node.ready" and self.state.status is RunStatus.WAITING:
            self.state.status = RunStatus.RUNNING
        gen = self.frontier.cell(index)[1]
        self.transition.events.append(Event(type, self.plan.nodes[index].id, gen, data))

    def _note_waiting(self) -> None:
        live = self.frontier.live
        if live and self.frontier.waiting == live and self.state.status is RunStatus.RUNNING:
            self.state.status = RunStatus.WAITING
            self.emit("run.waiting", data={})


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
