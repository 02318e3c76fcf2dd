"""One transition of one run: pure, deterministic, no I/O, no clock.

`advance(state, inputs, now)` applies what has come for a run, walks the graph as far as it goes
without a worker, and returns everything that must be committed. It changes `state` in place.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from minuet.model.event import Event
from minuet.model.signal import Command, Continue, Reemit, Start
from minuet.model.state import Stored
from minuet.model.status import ERROR, SUCCESS, TIMEOUT, NodeStatus, RunStatus
from minuet.model.timer import Timer
from minuet.model.token import CasRef, Failure, Outcome, TaskToken, idempotency_key

from .backoff import retry_delay_ms
from .edges import ExpressionFailed, taken_edges
from .inline import InlineWait, evaluate_inline
from .outputs import render_outputs
from .plan import NodePlan
from .run_state import RunState
from .transition import (
    Completion,
    DeadLetter,
    Fired,
    Limits,
    RunInput,
    Token,
    Transition,
)
from .values import NeedsBlob, Values

DEFAULT_LIMITS = Limits()
_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
_NO_OUTPUT = Stored()


def advance(
    state: RunState, inputs: Iterable[RunInput], now: int, limits: Limits = DEFAULT_LIMITS
) -> Transition:
    """Apply `inputs` in order at instant `now` (ms since the epoch, Redis time).

    Inputs that name no live execution, repeat a command or come after the end are dropped and
    counted. The run ends in the transition that brings its counter to 0.
    """
    step = _Step(state, now, limits)
    for each in inputs:
        step.apply(each)
    step.settle()
    return step.transition


def reinstate(state: RunState, now: int, limits: Limits = DEFAULT_LIMITS) -> Transition:
    """The transition that makes a restored state go on: every timer is set again, every node that
    was dispatched is dispatched again (its execution and attempt stay the same); those beyond the
    limits are armed, and follow."""
    step = _Step(state, now, limits)
    step.transition.started = True
    step.emit("warning", data={"code": "restored", "message": "state was rebuilt from history"})
    if not state.status.ended:
        step.dispatch_again()
        step.settle()
    step.transition.timers_add.update(state.timers())
    step.transition.records = state.records()
    step.transition.outputs = {node: _encode(value) for node, value in state.outputs.items()}
    return step.transition


def abort(state: RunState, message: str) -> Transition:
    """Fail a run that cannot be routed, with `internal_error`; its live tokens are cancelled. A run
    that never started counts as started: its command 0 is answered by this end."""
    state.cmd = max(0, state.cmd)
    step = _Step(state, 0, DEFAULT_LIMITS)
    step.fail({"code": "internal_error", "message": message})
    step.settle()
    step.transition.started = state.seq == len(step.transition.events)
    return step.transition


class _Step:
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

    # ── inputs ────────────────────────────────────────────────────────────────────────────────

    def apply(self, given: RunInput) -> None:
        if self.state.status.ended:
            self.transition.dropped += 1
        elif type(given) is Completion:
            self._complete(given)
        elif isinstance(given, Fired):
            self._fire(given.timer)
        elif isinstance(given, Start):
            self._start(given)
        elif isinstance(given, Command):
            self._command(given)
        elif isinstance(given, Reemit):
            self._reemit(given)
        elif not isinstance(given, Continue):  # `settle` is all that a continue asks for
            raise TypeError(f"no run input: {type(given).__name__}")

    def _start(self, start: Start) -> None:
        state = self.state
        if state.cmd >= 0:
            self.transition.dropped += 1
            return
        state.cmd = 0
        state.status = RunStatus.RUNNING
        self.transition.started = True
        data: dict[str, Any] = {}
        if self.plan.ir.deadline_ms is not None:
            state.deadline_at = start.accepted_at + self.plan.ir.deadline_ms
            data["deadline_at"] = state.deadline_at
            self.transition.timers_add[f"deadline {state.run}"] = state.deadline_at
        self.emit("run.started", data=data)
        self._arm(self.frontier.start())

    def _command(self, command: Command) -> None:
        if self.state.cmd < 0 or command.number != self.state.cmd + 1 or self._is_done():
            self.transition.dropped += 1
            return
        self.state.cmd = command.number
        error = {"code": "cancelled", "by": command.principal}
        if reason := command.data.get("reason"):
            error["message"] = reason
        self._cancel_live()
        self._end(RunStatus.CANCELLED, error=error)

    def _complete(self, done: Completion) -> None:
        index = self._live_execution(
            done.node, done.gen, done.attempt, (NodeStatus.READY, NodeStatus.WAITING)
        )
        # A node with a timer waits here, not at a worker: no token of it is out.
        if index is None or index in self.state.due or self._waits_already(index, done.outcome):
            self.transition.dropped += 1
        elif done.outcome.waiting:
            self._wait(index, None)
        elif done.outcome.failure is not None:
            self._failed(self.plan.nodes[index], done.outcome.failure, done.outcome)
        else:
            outcome = done.outcome
            stored = Stored(outcome.output, outcome.output_ref, outcome.values)
            self._finish(
                self.plan.nodes[index], NodeStatus.SUCCEEDED, outcome.port, stored, outcome
            )

    def _fire(self, timer: Timer) -> None:
        if timer.kind == "deadline":
            if self.state.deadline_at and not self._is_done():
                self._cancel_live()
                self._end(RunStatus.TIMED_OUT, error={"code": "deadline"})
            return
        expected = NodeStatus.WAITING if timer.kind == "wait" else NodeStatus.RETRYING
        _, node, gen, attempt = timer.subject.split("/")
        index = self._live_execution(node, int(gen), int(attempt), (expected,))
        if index is None or index not in self.state.due:
            self.transition.dropped += 1
            return
        del self.state.due[index]
        if expected is NodeStatus.WAITING:
            self._finish(self.plan.nodes[index], NodeStatus.SUCCEEDED, SUCCESS, _NO_OUTPUT)
        else:
            self.frontier.mark(index, NodeStatus.ARMED)
            self._arm([index])

    def _waits_already(self, index: int, outcome: Outcome) -> bool:
        return outcome.waiting and self.frontier.cell(index)[0] == NodeStatus.WAITING

    def _is_done(self) -> bool:
        """Whether an earlier input of this transition brought the counter to 0: then the run ends
        by that, and what comes after is late, as if each had come in a batch of its own."""
        self._end_if_done()
        return self.state.status.ended

    def _reemit(self, asked: Reemit) -> None:
        """Send tokens again; neither state nor history changes. What the bounds cut off is asked
        for again: it still stands in no stream."""
        wanted = set(asked.tokens)
        for index in self.frontier.nodes_in(NodeStatus.READY):
            if self.state.token_id(index) in wanted and not self._out_of_budget():
                self._send(self.plan.nodes[index])

    def dispatch_again(self) -> None:
        """Every dispatched token once more, whatever `max_parallel` says: they were out before."""
        for index in self.frontier.nodes_in(NodeStatus.READY):
            if self._out_of_budget():
                self.frontier.mark(index, NodeStatus.ARMED)
                self._arm([index])
            else:
                self._send(self.plan.nodes[index])

    def _live_execution(
        self, node: str, gen: int, attempt: int, states: tuple[NodeStatus, ...]
    ) -> int | None:
        index = self.plan.index.get(node)
        if index is None:
            return None
        cell = self.frontier.cell(index)
        if cell[1] != gen or cell[2] != attempt or cell[0] not in states:
            return None
        return index

    # ── how nodes end ─────────────────────────────────────────────────────────────────────────

    def _finish(
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
            self.transition.outputs[node.id] = _encode(stored)
        self._close(node, status, port, data)
        armed, skipped = self.frontier.resolve(node.index, port, taken)
        for index in skipped:
            self._skip(index)
        self._arm(armed)

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
            self._give_up(node, failure, outcome)

    def _failed(self, node: NodePlan, failure: Failure, outcome: Outcome | None = None) -> None:
        """An attempt failed: retry, or give up."""
        token = self.state.token_id(node.index)
        attempt = self.frontier.cell(node.index)[2]
        delay_ms = retry_delay_ms(node.node.retry, attempt, token, failure)
        if delay_ms is None:
            self._give_up(node, failure, outcome)
        else:
            self._retry(node, self.now + delay_ms, failure)

    def _retry(self, node: NodePlan, due_at: int, failure: Failure) -> None:
        coming = self.frontier.next_attempt(node.index)
        self.frontier.mark(node.index, NodeStatus.RETRYING)
        self.state.due[node.index] = due_at
        self.transition.timers_add[f"retry {self.state.token_id(node.index)}"] = due_at
        self._node_event(
            "node.retrying", node.index, {"attempt": coming, "due_at": due_at, "error": failure}
        )

    def _give_up(self, node: NodePlan, failure: Failure, outcome: Outcome | None) -> None:
        timed_out = failure.code == TIMEOUT
        status = NodeStatus.TIMED_OUT if timed_out else NodeStatus.FAILED
        for port in (TIMEOUT, ERROR) if timed_out else (ERROR,):
            if self.plan.router.listens(node.index, port):
                self._finish(node, status, port, _NO_OUTPUT, outcome, {"error": failure})
                return
        if node.node.on_error_continue:
            self._finish(node, status, SUCCESS, _NO_OUTPUT, outcome, {"error": failure})
        else:
            self._fatal(node, status, failure, outcome)

    def _fatal(
        self, node: NodePlan, status: NodeStatus, failure: Failure, outcome: Outcome | None
    ) -> None:
        """Nothing listens to this failure: the run fails, its other tokens are cancelled."""
        data = _ended(status, ERROR, _NO_OUTPUT, outcome) | {"error": failure, "fatal": True}
        letter = {"token": self.state.token_id(node.index), "error": failure}
        self.transition.dead_letters.append(DeadLetter("node_failed", node.id, _encode(letter)))
        self._close(node, status, ERROR, data)
        self.fail({"code": failure.code, "message": failure.message, "node": node.id})

    def _close(self, node: NodePlan, status: NodeStatus, port: str, data: dict[str, Any]) -> None:
        self.frontier.mark(node.index, status)
        self.state.ports[node.index] = port
        self._node_event("node.ended", node.index, data)

    def _skip(self, index: int) -> None:
        self._node_event("node.ended", index, {"status": NodeStatus.SKIPPED.word})

    def _wait(self, index: int, due_at: int | None) -> None:
        self.frontier.mark(index, NodeStatus.WAITING)
        data: dict[str, Any] = {"attempt": self.frontier.cell(index)[2]}
        if due_at is not None:
            self.state.due[index] = due_at
            self.transition.timers_add[f"wait {self.state.token_id(index)}"] = due_at
            data["due_at"] = due_at
        self._node_event("node.waiting", index, data)

    def _keep(self, node: str, stored: Stored) -> None:
        if node in self.plan.kept and (stored.ref is not None or stored.value != _NULL):
            self.state.outputs[node] = stored
        else:
            self.state.outputs.pop(node, None)
        self.values.forget(node)

    def _restore_output(self, node: str, previous: Stored | None) -> None:
        self._keep(node, previous or _NO_OUTPUT)

    # ── how the run ends ──────────────────────────────────────────────────────────────────────

    def _cancel_live(self) -> None:
        """Cancel every live token; dispatched ones are named so that workers let go of them."""
        for index in self.frontier.live_nodes():
            status, _, attempt, *_ = self.frontier.cell(index)
            token = self.state.token_id(index)
            if self.state.due.pop(index, None) is not None:
                kind = "wait" if status == NodeStatus.WAITING else "retry"
                self._drop_timer(f"{kind} {token}")
            elif status != NodeStatus.ARMED:
                self.transition.cancelled.append(token)
            self.fresh.discard(index)
            self.frontier.mark(index, NodeStatus.CANCELLED)
            data = {"status": NodeStatus.CANCELLED.word, "attempt": attempt}
            self._node_event("node.ended", index, data)
        self.state.armed.clear()
        self.state.armed_inline.clear()

    def _end(
        self, status: RunStatus, *, outputs: Any = None, error: dict[str, Any] | None = None
    ) -> None:
        self.state.status = status
        if self.state.deadline_at:
            self._drop_timer(f"deadline {self.state.run}")
        data: dict[str, Any] = {"status": status.word}
        if outputs is not None:
            data["outputs"] = outputs
        if error is not None:
            data["error"] = error
        self.emit("run.ended", data=data)

    def fail(self, error: dict[str, Any]) -> None:
        """End the run as failed, whatever it was doing."""
        self._cancel_live()
        self._end(RunStatus.FAILED, error=error)

    def _drop_timer(self, member: str) -> None:
        self.transition.timers_add.pop(member, None)
        self.transition.timers_del.append(member)

    def _end_if_done(self) -> None:
        if self.state.status.ended or self.frontier.live or self.state.cmd < 0:
            return
        try:
            outputs = render_outputs(self.state, self.values)
        except ExpressionFailed as failed:
            self._end(RunStatus.FAILED, error={"code": "expression", "message": str(failed)})
        else:
            self._end(RunStatus.SUCCEEDED, outputs=outputs)

    # ── armed nodes ───────────────────────────────────────────────────────────────────────────

    def _arm(self, nodes: Sequence[int]) -> None:
        for index in nodes:
            self.state.arm(index)
            self.fresh.add(index)

    def settle(self) -> None:
        """Walk on: inline nodes are evaluated, task nodes dispatched, as far as bounds allow."""
        self._pump()
        if not self.state.status.ended:
            self._hold_rest()
            self._end_if_done()
            self._note_waiting()
        touched = self.frontier.take_touched()
        nodes = self.plan.nodes
        self.transition.records = {nodes[i].id: self.state.record(i) for i in touched}

    def _pump(self) -> None:
        """Armed nodes in ascending order, for as long as one of them may go on. Those that may not
        are never looked at: a completion in a wide run costs no more than in a narrow one."""
        state = self.state
        while not state.status.ended:
            inline = state.armed_inline if self._may_evaluate() else ()
            tasks = state.armed if self._may_dispatch() else ()
            if inline and (not tasks or inline[0] < tasks[0]):
                self.inline_steps += 1
                self._run_inline(self.plan.nodes[heapq.heappop(state.armed_inline)])
            elif tasks:
                self._dispatch(self.plan.nodes[heapq.heappop(state.armed)])
            else:
                break
        if state.armed_inline or (state.armed and self._out_of_budget()):
            self.transition.more = True

    def _may_evaluate(self) -> bool:
        return (
            self.inline_steps < self.limits.inline_steps
            and self.used_bytes < self.limits.token_bytes
        )

    def _may_dispatch(self) -> bool:
        return self.frontier.in_flight < self.plan.ir.max_parallel and not self._out_of_budget()

    def _out_of_budget(self) -> bool:
        return (
            len(self.transition.tokens) >= self.limits.tokens
            or self.used_bytes >= self.limits.token_bytes
        )

    def _hold_rest(self) -> None:
        """Tell which nodes stay armed: history must give back exactly this state."""
        for index in sorted(self.fresh):
            attempt = self.frontier.cell(index)[2]
            self._node_event("node.ready", index, {"attempt": attempt, "held": True})
        self.fresh.clear()

    def _run_inline(self, node: NodePlan) -> None:
        self.fresh.discard(node.index)
        if node.node.unknown:
            message = f"no worker ever registered the type '{node.node.type}'"
            self._node_event("warning", node.index, {"code": "unknown_type", "message": message})
            self._finish(node, NodeStatus.SUCCEEDED, SUCCESS, _NO_OUTPUT, extra={"skipped": True})
            return
        iteration = self.frontier.cell(node.index)[3]
        try:
            found = evaluate_inline(node, self.values, iteration, self.limits.inline_value_bytes)
        except NeedsBlob:
            self._dispatch(node)
        except ExpressionFailed as failed:
            self._failed(node, Failure("expression", str(failed), retryable=False))
        else:
            if isinstance(found, InlineWait):
                self._wait(node.index, max(found.until_ms(self.now), self.now))
            else:
                self.used_bytes += len(bytes(found.output))
                self._finish(node, NodeStatus.SUCCEEDED, found.port, Stored(found.output))

    def _dispatch(self, node: NodePlan) -> None:
        attempt = self.frontier.cell(node.index)[2]
        self.fresh.discard(node.index)
        self.frontier.mark(node.index, NodeStatus.READY)
        self._node_event("node.ready", node.index, {"attempt": attempt})
        self._send(node)

    def _send(self, node: NodePlan) -> None:
        token = self._token(node)
        self.used_bytes += len(token.data)
        self.transition.tokens.append(token)

    def _token(self, node: NodePlan) -> Token:
        state, ir_node = self.state, node.node
        _, gen, attempt, iteration, *_ = self.frontier.cell(node.index)
        context: dict[str, msgspec.Raw] = {}
        refs = {}
        for text, path in node.reads:
            value = self.values.raw(path, iteration)
            if isinstance(value, CasRef):
                refs[text] = value
            elif value is not None:
                context[text] = value
        token = TaskToken(
            run=state.run, tenant=state.start.tenant, node=node.id, type=ir_node.type, gen=gen,
            attempt=attempt, config=ir_node.config, timeout_ms=ir_node.timeout_ms,
            idempotency_key=idempotency_key(state.run, node.id, gen), iteration=iteration,
            context=context, refs=refs, returns=ir_node.returns,
            deadline_at=state.deadline_at or None, traceparent=state.start.traceparent,
        )  # fmt: skip
        return Token(ir_node.type, node.effect, str(token.id), _encode(token))

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def emit(self, type: str, *, data: dict[str, Any]) -> None:
        self.state.seq += 1
        self.transition.events.append(Event(type, None, None, data))

    def _node_event(self, type: str, index: int, data: dict[str, Any]) -> None:
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
