"""The walk of one transition: nodes end, edges are resolved, armed nodes go on.

`Step` knows what follows from the end of a node; what ends nodes (completions, timers, commands)
is `advance`'s, and how a run ends `Ending`'s.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from minuet.model.event import Event
from minuet.model.signal import Kept
from minuet.model.state import Message, Stored
from minuet.model.status import ERROR, EXHAUSTED, SUCCESS, TIMEOUT, NodeStatus, RunStatus
from minuet.model.token import Failure, Outcome, approval_id

from .backoff import retry_delay_ms
from .edges import ExpressionFailed, goes_round, is_let, taken_edges
from .inline import InlineResult, InlineWait, MessageWait, evaluate_inline
from .plan import NodePlan
from .run_state import RunState
from .tokens import make_token
from .transition import DeadLetter, Limits, Transition
from .values import NeedsBlob, Values

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
                again = node.closes and goes_round(node, port, self.values, iteration)
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
        armed, skipped = self.frontier.resolve(node.index, port, taken)
        for index in skipped:
            self.skip(index)
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
        if self.frontier.cell(index)[1]:  # it ran in an earlier round: that output is past
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
        if stored.ref is not None or stored.value != _NULL or self.frontier.cell(node.index)[1] > 1:
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

    def begin_children(self, node: NodePlan) -> None:
        """The node runs other workflows: it waits for them from now on."""
        raise NotImplementedError

    def spawn(self) -> bool:
        """Start child runs where there is room for them; whether nodes were armed by that."""
        raise NotImplementedError

    def drop_timer(self, member: str) -> None:
        self.transition.timers_add.pop(member, None)
        self.transition.timers_del.append(member)

    # ── armed nodes ───────────────────────────────────────────────────────────────────────────

    def arm(self, nodes: Sequence[int]) -> None:
        for index in nodes:
            self.state.arm(index)
            self.fresh.add(index)

    def pump(self) -> None:
        """Go on as far as bounds allow: armed nodes, then child runs."""
        self._pump_armed()
        while self.spawning and self.state.status < ENDED:
            if self.state.status is RunStatus.PAUSED or not self.spawn():
                break
            self._pump_armed()

    def has_armed(self) -> bool:
        return bool(self.state.armed or self.state.armed_inline)

    def _pump_armed(self) -> None:
        """Armed nodes in ascending order, for as long as one of them may go on. Those that may not
        are never looked at: a completion in a wide run costs no more than in a narrow one. While
        the run is paused none may."""
        state = self.state
        if state.status is RunStatus.PAUSED:
            return
        while state.status < ENDED:
            # `and`, not a call a round: this loop is the hot path, and heaps are mostly empty.
            inline = state.armed_inline and self._may_evaluate() and state.armed_inline
            tasks = state.armed and self._may_dispatch() and state.armed
            if inline and (not tasks or inline[0] < tasks[0]):
                self.inline_steps += 1
                self._go(self.plan.nodes[heapq.heappop(state.armed_inline)])
            elif tasks:
                self._go(self.plan.nodes[heapq.heappop(state.armed)])
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
            or self.inline_steps > self.limits.inline_steps
        )

    def hold_rest(self) -> None:
        """Tell which nodes stay armed: history must give back exactly this state."""
        for index in sorted(self.fresh):
            attempt = self.frontier.cell(index)[2]
            self.node_event("node.ready", index, {"attempt": attempt, "held": True})
        self.fresh.clear()

    def _go(self, node: NodePlan) -> None:
        """An armed node goes on: its result is kept from another run, its guard holds it back, or
        it is evaluated or dispatched."""
        if self.kept and (kept := self._kept(node)) is not None:
            self._reuse(node, kept)
        elif node.is_guarded and self._is_held_back(node):
            pass  # it has ended
        elif node.inline:
            self._run_inline(node)
        else:
            self._dispatch(node)

    def _kept(self, node: NodePlan) -> Kept | None:
        """Only the first execution of a node can have been kept."""
        if self.frontier.cell(node.index)[1] > 1:
            return None
        return self.kept.get(node.id)

    def _reuse(self, node: NodePlan, kept: Kept) -> None:
        self.fresh.discard(node.index)
        self.inline_steps += 1
        self.used_bytes += len(bytes(kept.output))
        stored = Stored(kept.output, kept.output_ref, kept.values)
        self.finish(node, NodeStatus.SUCCEEDED, kept.port, stored, extra={"reused": True})

    def _is_held_back(self, node: NodePlan) -> bool:
        """Whether the guard let the node not run, which is skipped then, or failed."""
        _, _, attempt, iteration, *_ = self.frontier.cell(node.index)
        if attempt > 1:
            return False
        self.inline_steps += 1
        try:
            if is_let(node, self.values, iteration):
                return False
        except ExpressionFailed as failed:
            self.fresh.discard(node.index)
            self.give_up(node, Failure("expression", str(failed), retryable=False), None)
            return True
        self.fresh.discard(node.index)
        self.frontier.mark(node.index, NodeStatus.SKIPPED)
        self.skip(node.index, {"guard": False})
        armed, skipped = self.frontier.resolve(node.index, "", [])
        for index in skipped:
            self.skip(index)
        self.arm(armed)
        return True

    def _run_inline(self, node: NodePlan) -> None:
        self.fresh.discard(node.index)
        if node.node.unknown:
            message = f"no worker ever registered the type '{node.node.type}'"
            self.node_event("warning", node.index, {"code": "unknown_type", "message": message})
            self.finish(node, NodeStatus.SUCCEEDED, SUCCESS, NO_OUTPUT, extra={"skipped": True})
            return
        if node.spawns:
            self.begin_children(node)
            return
        iteration = self.frontier.cell(node.index)[3]
        try:
            found = evaluate_inline(node, self.values, iteration, self.limits.inline_value_bytes)
        except NeedsBlob:
            self._dispatch(node)
        except ExpressionFailed as failed:
            self.failed(node, Failure("expression", str(failed), retryable=False))
        else:
            self._evaluated(node, found)

    def _evaluated(self, node: NodePlan, found: InlineResult | InlineWait | MessageWait) -> None:
        match found:
            case InlineWait():
                self.wait(node.index, max(found.until_ms(self.now), self.now))
            case MessageWait(name, timeout_ms):
                message = self.state.take_message(name)
                if message is not None:
                    self.transition.rest = True
                    self.deliver(node, message)
                else:
                    self.wait(node.index, None if timeout_ms is None else self.now + timeout_ms)
            case InlineResult():
                self.used_bytes += len(bytes(found.output))
                self.finish(node, NodeStatus.SUCCEEDED, found.port, Stored(found.output))

    def deliver(self, node: NodePlan, message: Message) -> None:
        """The message ends the node that waits for it."""
        output = {"name": message.name, "data": message.data, "by": message.by}
        stored = Stored(msgspec.Raw(encode(output)))
        self.node_event("message.taken", node.index, {"number": message.number})
        self.finish(node, NodeStatus.SUCCEEDED, SUCCESS, stored)

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

    def approval(self, index: int) -> str:
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
