"""Armed nodes go on: evaluated in place or dispatched to workers, as far as bounds allow."""

from __future__ import annotations

import heapq

import msgspec

from minuet.model.signal import Kept
from minuet.model.state import Message, Stored
from minuet.model.status import SUCCESS, NodeStatus, RunStatus
from minuet.model.token import Failure

from .edges import ExpressionFailed, is_let
from .inline import InlineResult, InlineWait, MessageWait, evaluate_inline
from .plan import NodePlan
from .step import ENDED, NO_OUTPUT, Step, encode
from .tokens import make_token
from .values import NeedsBlob


class PumpingStep(Step):
    """A step that lets armed nodes go on."""

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
        most = min(self.plan.ir.max_parallel, self.limits.in_flight)
        return self.frontier.in_flight < most and not self.out_of_budget()

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
        if self.frontier.gen(node.index) > 1:
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
        self.resolve(node.index, "", [])
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

    def begin_children(self, node: NodePlan) -> None:
        """The node runs other workflows: it waits for them from now on."""
        raise NotImplementedError

    def spawn(self) -> bool:
        """Start child runs where there is room for them; whether nodes were armed by that."""
        raise NotImplementedError
