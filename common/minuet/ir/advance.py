"""One transition of one run: pure, deterministic, no I/O, no clock.

`advance(state, inputs, now)` applies what has come for a run, walks the graph as far as it goes
without a worker, and returns everything that must be committed. It changes `state` in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from minuet.model.errors import InvalidInputs
from minuet.model.signal import Command, Continue, Reemit, Start, Stop
from minuet.model.state import Message, Rest, Stored
from minuet.model.status import SUCCESS, TIMEOUT, NodeStatus, RunStatus
from minuet.model.timer import Timer
from minuet.model.token import Failure, Outcome

from .approvals import (
    DECISIONS,
    REJECTED,
    decided_data,
    decision_output,
    expiry_output,
    requested_data,
)
from .checks_inputs import validate_inputs
from .edges import ExpressionFailed
from .ending import STOPPING, EndingStep
from .patching import move_to_plan, resolve_fresh, statuses
from .plan import NodePlan, Plan
from .rebase import patch_faults
from .run_state import RunState
from .step import ENDED, NO_OUTPUT, encode
from .transition import Completion, Fired, Limits, RunInput, Transition

DEFAULT_LIMITS = Limits()
MAX_FAULTS = 20
MAX_MESSAGES = 100
PATCH_FIELDS = ("patch", "base", "ir", "document", "by", "note")
NO_PLANS: Mapping[str, Plan] = {}
NO_CHILDREN: Mapping[str, Outcome | None] = {}


def advance(
    state: RunState,
    inputs: Iterable[RunInput],
    now: int,
    limits: Limits = DEFAULT_LIMITS,
    plans: Mapping[str, Plan] = NO_PLANS,
) -> Transition:
    """Apply `inputs` in order at instant `now` (ms since the epoch, Redis time).

    `plans` holds, by IR digest, what patch commands among the inputs lead to; for those every
    output that the new plan keeps must be in `state`.

    Inputs that name no live execution, repeat a command or come after the end are dropped and
    counted. The run ends in the transition that brings its counter to 0.
    """
    step = _Inputs(state, now, limits)
    step.plans = plans
    for each in inputs:
        step.apply(each)
    step.settle()
    return step.transition


def reinstate(
    state: RunState,
    now: int,
    limits: Limits = DEFAULT_LIMITS,
    children: Mapping[str, Outcome | None] = NO_CHILDREN,
    *,
    anew: bool = False,
) -> Transition:
    """The transition that makes a restored state go on: every timer is set again, every node that
    was dispatched is dispatched again (its execution stays the same); those beyond the limits are
    armed, and follow. `children` are the child runs that history knows, with the outcome of those
    that ended; what nobody knows is started again.

    `anew`: the state replaces another one, whose tokens may be under way with values that history
    does not know. Their results must not count, so each dispatched node gets the next attempt."""
    step = _Inputs(state, now, limits)
    step.transition.started = True
    step.emit("warning", data={"code": "restored", "message": "state was rebuilt from history"})
    if not state.status.ended:
        step.dispatch_again(anew=anew)
        step.resume_children(children)
        step.settle()
    step.transition.timers_add.update(state.timers())
    step.transition.rest = state.rest != Rest()
    step.transition.records = state.records()
    step.transition.outputs = {node: encode(value) for node, value in state.outputs.items()}
    return step.transition


def abort(state: RunState, message: str) -> Transition:
    """Fail a run that cannot be routed, with `internal_error`; its live tokens are cancelled and
    nothing is undone. A run that never started counts as started: its command 0 is answered by this
    end; that of a child run says how it was started, because nothing else does."""
    state.cmd = max(0, state.cmd)
    step = _Inputs(state, 0, DEFAULT_LIMITS)
    is_unheard_of = state.start.parent is not None and state.seq == 0
    step.cancel_nodes(state.frontier.live_nodes())
    step.end(RunStatus.FAILED, error={"code": "internal_error", "message": message})
    if is_unheard_of:
        step.transition.events[-1].data["start"] = state.start
    step.settle()
    step.transition.started = state.seq == len(step.transition.events)
    return step.transition


class _Inputs(EndingStep):
    """Applies what came, in order."""

    plans: Mapping[str, Plan] = NO_PLANS

    def apply(self, given: RunInput) -> None:
        if self.state.status >= ENDED:
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
        elif isinstance(given, Stop):
            self._stopped(given)
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
        if (deadline_at := _deadline(start, self.plan)) is not None:
            state.deadline_at = deadline_at
            data["deadline_at"] = deadline_at
            self.transition.timers_add[f"deadline {state.run}"] = deadline_at
        if start.parent is not None:
            data["start"] = start
        self.emit("run.started", data=data)
        self.arm(self.frontier.start())
        if start.stop is not None:
            state.cmd = start.stop.number - 1
            self._command(start.stop)
        if start.parent is not None and (reason := _unfit(start, self.plan)):
            self.fail({"code": "invalid_inputs", "message": reason})

    def _stopped(self, stop: Stop) -> None:
        if self._is_done() or self._is_stopping():
            self.transition.dropped += 1
        else:
            error = {"code": "cancelled", "message": stop.reason}
            self.stop(RunStatus.CANCELLED, error, patient=True)

    def _command(self, command: Command) -> None:
        if command.name in ("patch", "pause"):
            # What came before goes on as it was, told by events of its own.
            self.pump()
            self.hold_rest()
        if self.state.cmd < 0 or command.number != self.state.cmd + 1 or self._is_done():
            self.transition.dropped += 1
            return
        self.state.cmd = command.number
        if self._is_stopping() and command.name not in ("decision", "message"):
            self._refuse_ending(command)
            return
        match command.name:
            case "cancel":
                self._cancel(command)
            case "decision":
                self._decide(command)
            case "patch":
                self._patch(command)
            case "pause":
                self._pause(command)
            case "resume":
                self._resume(command)
            case "message":
                self._message(command)

    def _refuse_ending(self, command: Command) -> None:
        if command.name == "patch":
            self._refuse_patch(command, ["the run is ending"])
        else:
            self._refuse(command, "ending")

    def _cancel(self, command: Command) -> None:
        error = {"code": "cancelled", "by": command.principal}
        if reason := command.data.get("reason"):
            error["message"] = reason
        self.stop(RunStatus.CANCELLED, error, patient=True)

    def _pause(self, command: Command) -> None:
        if self.state.status is RunStatus.PAUSED:
            self._refuse(command, "paused")
            return
        self.state.status = RunStatus.PAUSED
        self.emit("run.paused", data=_by(command))

    def _resume(self, command: Command) -> None:
        if self.state.status is not RunStatus.PAUSED:
            self._refuse(command, "not_paused")
            return
        self.state.status = RunStatus.RUNNING
        self.emit("run.resumed", data=_by(command))

    def _message(self, command: Command) -> None:
        """Ends the first node that waits for it; otherwise it is kept."""
        data = command.data
        message = Message(
            number=command.number,
            name=data["name"],
            data=msgspec.Raw(encode(data.get("data"))),
            by=data.get("by") or command.principal,
        )
        index = self._waits_for_message(message.name)
        if index is None and len(self.state.rest.messages) >= MAX_MESSAGES:
            self._refuse(command, "too_many_messages")
            return
        told = {"number": message.number, "name": message.name, "data": message.data}
        self.emit("message.received", data={**told, "by": message.by})
        if index is None:
            self.state.rest.messages.append(message)
            self.transition.rest = True
        else:
            self.drop_wait(index)
            self.deliver(self.plan.nodes[index], message)

    def _waits_for_message(self, name: str) -> int | None:
        for index in self.frontier.nodes_in(NodeStatus.WAITING):
            if self.plan.nodes[index].awaits == name:
                return index
        return None

    def _decide(self, command: Command) -> None:
        data = command.data
        index = self.plan.index.get(data.get("node", ""))
        if index is None or not self._waits_for(index, data) or data["decision"] not in DECISIONS:
            self._refuse(command, "not_waiting")
            return
        node = self.plan.nodes[index]
        by = data.get("by") or command.principal
        self.drop_wait(index)
        self.node_event("approval.decided", index, decided_data(self.approval(index), data, by))
        stored = Stored(decision_output(data, by))
        self.finish(node, NodeStatus.SUCCEEDED, DECISIONS[data["decision"]], stored)

    def _waits_for(self, index: int, data: Mapping[str, Any]) -> bool:
        """Whether the node waits, in that execution, for a person."""
        status, gen, *_ = self.frontier.cell(index)
        asks = self.plan.nodes[index].asks
        return asks and status == NodeStatus.WAITING and gen == data.get("gen")

    def _patch(self, command: Command) -> None:
        data = command.data
        plan = self.plans.get(data["ir"])
        if data["base"] != self.plan.digest:
            self._refuse(command, "base_moved", {"patch": data["patch"]})
        elif plan is None:
            self._refuse_patch(command, ["no store has the compiled document"])
        elif faults := patch_faults(self.plan.ir, plan.ir, statuses(self.state)):
            self._refuse_patch(command, faults)
        else:
            try:
                resolved = resolve_fresh(self.state, plan, self.values)
            except ExpressionFailed as failed:
                self._refuse_patch(command, [str(failed)])
            else:
                self._move(command, plan, resolved)

    def _move(self, command: Command, plan: Plan, resolved: Mapping[str, list[int]]) -> None:
        kept = {name: command.data[name] for name in PATCH_FIELDS if name in command.data}
        data = {"number": command.number, **kept, "resolved": resolved}
        self.emit("patch.applied", data=data)
        armed, skipped = move_to_plan(self.state, plan, resolved)
        self.plan, self.frontier = self.state.plan, self.state.frontier
        self.transition.patched = True
        for index in skipped:
            self.skip(index)
        self.arm(armed)

    def _refuse_patch(self, command: Command, faults: list[str]) -> None:
        detail = {"patch": command.data["patch"], "detail": faults[:MAX_FAULTS]}
        self._refuse(command, "conflict", detail)

    def _refuse(
        self, command: Command, reason: str, detail: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        data = {"number": command.number, "name": command.name, "reason": reason, **detail}
        self.emit("command.refused", data=data)

    def _complete(self, done: Completion) -> None:
        index = self._live_execution(
            done.node,
            done.gen,
            done.attempt,
            (NodeStatus.READY, NodeStatus.WAITING, NodeStatus.CANCELLING),
        )
        if index is not None and self.plan.nodes[index].spawns:
            self.transition.dropped += not self.child_ended(self.plan.nodes[index], done.outcome)
        # A node with a timer waits here, not at a worker: no token of it is out.
        elif index is None or index in self.state.due or self._waits_already(index, done.outcome):
            self.transition.dropped += 1
        elif self.frontier.cell(index)[0] == NodeStatus.CANCELLING:
            self.close_stopped(self.plan.nodes[index], done.outcome)
        elif done.outcome.waiting:
            self._wait_for(index, done.outcome)
        elif done.outcome.failure is not None:
            self.failed(self.plan.nodes[index], done.outcome.failure, done.outcome)
        else:
            outcome = done.outcome
            stored = Stored(outcome.output, outcome.output_ref, outcome.values)
            self.finish(self.plan.nodes[index], NodeStatus.SUCCEEDED, outcome.port, stored, outcome)

    def _fire(self, timer: Timer) -> None:
        if timer.kind == "deadline":
            if self.state.deadline_at and not self._is_done() and not self._is_stopping():
                self.stop(RunStatus.TIMED_OUT, {"code": "deadline"}, patient=False)
            return
        if timer.kind == "stop":
            self.stop_waiting()
            return
        expected = NodeStatus.WAITING if timer.kind == "wait" else NodeStatus.RETRYING
        _, node, gen, attempt = timer.subject.split("/")
        index = self._live_execution(node, int(gen), int(attempt), (expected,))
        if index is None or index not in self.state.due:
            self.transition.dropped += 1
            return
        del self.state.due[index]
        if expected is NodeStatus.WAITING:
            self._waited(self.plan.nodes[index])
        else:
            self.frontier.mark(index, NodeStatus.ARMED)
            self.arm([index])

    def _wait_for(self, index: int, outcome: Outcome) -> None:
        due_at = None if outcome.wait_ms is None else self.now + outcome.wait_ms
        self.wait(index, due_at)
        if outcome.approval is not None:
            data = requested_data(self.approval(index), outcome.approval, due_at)
            self.node_event("approval.requested", index, data)

    def _waited(self, node: NodePlan) -> None:
        """The time of a waiting node has passed: a wait is over, an answer did not come."""
        if node.inline and node.awaits is None and not node.spawns:
            self.finish(node, NodeStatus.SUCCEEDED, SUCCESS, NO_OUTPUT)
            return
        if node.spawns:
            self.stop_children(node.index)
        if node.asks:
            data = {"approval": self.approval(node.index)}
            self.node_event("approval.expired", node.index, data)
        if node.asks and node.config.get("on_timeout", "reject") == "reject":
            heard = self.plan.router.listens(node.index, TIMEOUT)
            heard = heard or (node.closes and node.back.on == TIMEOUT)
            port = TIMEOUT if heard else REJECTED
            self.finish(node, NodeStatus.TIMED_OUT, port, Stored(expiry_output()))
        else:
            self.give_up(node, Failure(TIMEOUT, "nothing came in time", retryable=False), None)

    def _waits_already(self, index: int, outcome: Outcome) -> bool:
        return outcome.waiting and self.frontier.cell(index)[0] == NodeStatus.WAITING

    def _is_stopping(self) -> bool:
        return self.state.status in STOPPING

    def _is_done(self) -> bool:
        """Whether an earlier input of this transition brought the counter to 0: then the run ends
        by that, and what comes after is late, as if each had come in a batch of its own."""
        self.end_if_done()
        return self.state.status.ended

    def _reemit(self, asked: Reemit) -> None:
        """Send tokens again; neither state nor history changes. What the bounds cut off is asked
        for again: it still stands in no stream."""
        wanted = set(asked.tokens)
        for index in self.frontier.nodes_in(NodeStatus.READY):
            if self.state.token_id(index) in wanted and not self.out_of_budget():
                self.send(self.plan.nodes[index])
        self.start_again(asked.children)

    def dispatch_again(self, *, anew: bool) -> None:
        """Every dispatched token once more, whatever `max_parallel` says: they were out before."""
        for index in self.frontier.nodes_in(NodeStatus.READY):
            if anew:
                self.frontier.next_attempt(index)
            if self.out_of_budget():
                self.frontier.mark(index, NodeStatus.ARMED)
                self.arm([index])
                continue
            if anew:
                attempt = self.frontier.cell(index)[2]
                self.node_event("node.ready", index, {"attempt": attempt})
            self.send(self.plan.nodes[index])

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


def _by(command: Command) -> dict[str, Any]:
    data: dict[str, Any] = {"number": command.number, "by": command.principal}
    if reason := command.data.get("reason"):
        data["reason"] = reason
    return data


def _deadline(start: Start, plan: Plan) -> int | None:
    """When the run must have ended: by its own settings or, if that is sooner, its parent's."""
    own = plan.ir.deadline_ms
    ends = [start.accepted_at + own] if own is not None else []
    return min([*ends, start.deadline_at] if start.deadline_at else ends, default=None)


def _unfit(start: Start, plan: Plan) -> str | None:
    """Why a child run cannot start: no acceptance has judged its inputs."""
    try:
        validate_inputs(plan.ir, msgspec.json.decode(start.inputs))
    except InvalidInputs as exc:
        return str(exc)
    return None
