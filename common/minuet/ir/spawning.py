"""Nodes that run other workflows: `workflow` one child run, `map` one for each item.

A child run starts by a signal in the very commit in which its parent begins to wait for it, and
ends by one in the commit of its own end. Both lie in one partition: neither can be lost alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from minuet.expr.errors import ExpressionError
from minuet.model.signal import Parent, Start, Stop
from minuet.model.state import Children, Stored
from minuet.model.status import SUCCESS, NodeStatus
from minuet.model.token import CasRef, Failure, Outcome

from . import children as kids
from .edges import ExpressionFailed
from .plan import NodePlan
from .pumping import PumpingStep
from .step import encode
from .values import NeedsBlob

_NOT_WANTED = "the run that it is a part of does not want it any more"


class SpawningStep(PumpingStep):
    """A step that knows child runs."""

    def begin_children(self, node: NodePlan) -> None:
        """The node waits for its child runs from now on; `spawn` starts them."""
        try:
            items = self._items_if_ready(node)
        except ExpressionFailed as failed:
            self.failed(node, Failure("expression", str(failed), retryable=False))
            return
        if items is None:
            self.parked.append(node.index)  # it goes on when the blob is there
            return
        self.state.rest.children[node.id] = Children(count=len(items))
        self.transition.rest = True
        data: dict[str, Any] = {"children": len(items)}
        if not node.maps:
            data["child"] = kids.child_id(self._parent(node, 0))
        self.wait(node.index, self.now + node.node.timeout_ms, data)

    def spawn(self) -> bool:
        """Start child runs where there is room for them; whether a node ended by that."""
        before = len(self.transition.events)
        self._spawn_again()
        for id in list(self.state.rest.children):
            node = self.plan.nodes[self.plan.index[id]]
            if self.frontier.cell(node.index)[0] == NodeStatus.WAITING:
                self._spawn(node, self.state.rest.children[id])
        return len(self.transition.events) > before and self.has_armed()

    def _spawn(self, node: NodePlan, children: Children) -> None:
        most = node.config.get("max_parallel", kids.DEFAULT_PARALLEL) if node.maps else 1
        first = children.next
        while children.next < children.count and kids.running(children) < most:
            if self.out_of_budget() or len(self.transition.starts) >= self.limits.tokens:
                self.transition.more = True
                break
            try:
                start = self._start_if_ready(node, children.next)
            except ExpressionFailed as failed:
                self._spawned(node, children, first)
                self._refuse_item(node, children, str(failed))
                if self.state.rest.children.get(node.id) is not children:
                    return  # the node ended by that
                first = children.next
                continue
            if start is None:
                break
            children.next += 1
            self.transition.starts.append(start)
            self.used_bytes += len(bytes(start.inputs))
        self._spawned(node, children, first)
        if kids.is_over(children):
            self._complete_map(node, children)

    def _spawned(self, node: NodePlan, children: Children, first: int) -> None:
        if children.next > first:
            self.transition.rest = True
            self.node_event("node.spawned", node.index, {"first": first, "last": children.next - 1})

    def _refuse_item(self, node: NodePlan, children: Children, reason: str) -> None:
        """The inputs of the next item cannot be made: it fails without a run."""
        failure = Failure("expression", reason, retryable=False)
        self.inline_steps += 1
        if not node.maps:
            self.give_up(node, failure, None)
            return
        item = children.next
        children.next += 1
        self.node_event("node.spawned", node.index, {"first": item, "last": item})
        self._end_item(node, children, item, Outcome("error", failure=failure, item=item))

    def _items_if_ready(self, node: NodePlan) -> Sequence[Any] | None:
        """None if a blob is needed first. Raises ExpressionFailed."""
        try:
            return self._items(node)
        except NeedsBlob as needed:
            self._want(needed)
            return None

    def _items(self, node: NodePlan) -> Sequence[Any]:
        """What the node runs over; kept in memory while it lives. Raises ExpressionFailed,
        NeedsBlob."""
        if not node.maps:
            return (None,)
        if node.id not in self.state.items:
            iteration = self.frontier.cell(node.index)[3]
            context = self.values.context(node.items.paths, iteration=iteration)
            try:
                found = node.items.evaluate(context)
            except ExpressionError as exc:
                raise ExpressionFailed(f"items `{node.items.text}`: {exc}") from exc
            self.state.items[node.id] = _as_items(node, found)
        return self.state.items[node.id]

    def _start_if_ready(self, node: NodePlan, item: int) -> Start | None:
        """None if a blob is needed first. Raises ExpressionFailed."""
        try:
            return self._start_of(node, item)
        except NeedsBlob as needed:
            self._want(needed)
            return None

    def _start_of(self, node: NodePlan, item: int) -> Start:
        """Raises ExpressionFailed, NeedsBlob."""
        given = node.node.child
        assert given is not None
        start = self.state.start
        inputs = self._inputs(node, item)
        parent = self._parent(node, item)
        return Start(
            run=kids.child_id(parent),
            tenant=start.tenant,
            ir=given.ir,
            workflow=given.workflow,
            accepted_at=self.now,
            workflow_version=given.version,
            inputs=inputs,
            traceparent=start.traceparent,
            parent=parent,
            document=given.document,
            deadline_at=self.state.deadline_at or None,
            returns=node.node.returns if not node.maps else [],
            priority=start.priority,
        )

    def _inputs(self, node: NodePlan, item: int) -> msgspec.Raw:
        template = node.child_inputs
        own = [path for path in template.paths if path[0] not in ("item", "index")]
        iteration = self.frontier.cell(node.index)[3]
        context = self.values.context(own, iteration=iteration)
        if node.maps:
            context = {**context, "item": self._items(node)[item], "index": item}
        try:
            text = encode(template.render(context))
        except ExpressionError as exc:
            raise ExpressionFailed(f"inputs: {exc}") from exc
        if len(text) > kids.INLINE_BYTES:
            raise ExpressionFailed(
                f"inputs are {len(text)} bytes, the limit is {kids.INLINE_BYTES}: hand on less"
            )
        return msgspec.Raw(text)

    def _parent(self, node: NodePlan, item: int) -> Parent:
        _, gen, attempt, *_ = self.frontier.cell(node.index)
        return Parent(self.state.run, node.id, gen, attempt, item if node.maps else None)

    # ── how child runs end ────────────────────────────────────────────────────────────────────

    def child_ended(self, node: NodePlan, outcome: Outcome) -> bool:
        """A child run of a live node ended; False if that is known already."""
        children = self.state.rest.children.get(node.id)
        if children is None:
            return False
        if node.maps and outcome.item is None:
            return self._nameless_ended(node, outcome)
        item = outcome.item or 0
        if not kids.is_live(children, item):
            return False
        if self.frontier.cell(node.index)[0] == NodeStatus.CANCELLING:
            self._let_go(node, children, item, outcome)
        elif node.maps:
            self._end_item(node, children, item, outcome)
        else:
            self.drop_wait(node.index)
            if outcome.failure is not None:
                self.failed(node, outcome.failure)
            else:
                stored = Stored(outcome.output, outcome.output_ref, outcome.values)
                self.finish(node, NodeStatus.SUCCEEDED, SUCCESS, stored, outcome)
        return True

    def _nameless_ended(self, node: NodePlan, outcome: Outcome) -> bool:
        """An end that could not be read tells not of which item it is: without it the node would
        wait for ever, so it fails."""
        if outcome.failure is None or self.frontier.cell(node.index)[0] != NodeStatus.WAITING:
            return False
        self._abandon(node)
        self.give_up(node, outcome.failure, None)
        return True

    def _let_go(self, node: NodePlan, children: Children, item: int, outcome: Outcome) -> None:
        if not node.maps:
            self.close_stopped(node, outcome)
            return
        self._note_item(node, children, item, outcome)
        if not kids.running(children):
            self.close_stopped(node, Outcome(waiting=True))

    def _end_item(self, node: NodePlan, children: Children, item: int, outcome: Outcome) -> None:
        self._note_item(node, children, item, outcome)
        if not kids.tolerated(node.config, children):
            self._abandon(node)
            self.failed(node, kids.too_many_failed(children))
        elif children.size_bytes > kids.MAX_RESULT_BYTES:
            self._abandon(node)
            message = f"the results are over {kids.MAX_RESULT_BYTES} bytes: return less an item"
            self.give_up(node, Failure("too_large", message, retryable=False), None)
        elif kids.is_over(children):
            self._complete_map(node, children)

    def _note_item(self, node: NodePlan, children: Children, item: int, outcome: Outcome) -> None:
        self.transition.rest = True
        data: dict[str, Any] = {"item": item, "run": kids.child_id(self._parent(node, item))}
        if outcome.failure is not None:
            data["error"] = outcome.failure
        elif outcome.output_ref is not None:
            data["output_ref"] = outcome.output_ref
        else:
            data["output"] = outcome.output
        key = kids.item_key(node.id, item)
        stored = note_item(self.state.rest.children[node.id], self.state.outputs, node.id, data)
        if stored is not None:
            self.transition.outputs[key] = encode(stored)
        self.node_event("node.item", node.index, data)

    def _complete_map(self, node: NodePlan, children: Children) -> None:
        self.drop_wait(node.index)
        returns = node.node.returns
        stored, blob = kids.collected(children, self.state.outputs, node.id, returns)
        if blob is not None and stored.ref is not None:
            self.transition.blobs[stored.ref.digest] = blob
        self.finish(node, NodeStatus.SUCCEEDED, SUCCESS, stored)

    def _abandon(self, node: NodePlan) -> None:
        """The node fails: it waits no longer, and what it started is not wanted."""
        self.drop_wait(node.index)
        self.stop_children(node.index)

    # ── stopping them ─────────────────────────────────────────────────────────────────────────

    def stop_children(self, index: int) -> None:
        """Nobody waits any more for what the node started."""
        node = self.plan.nodes[index]
        children = self.state.rest.children.get(node.id)
        for item in kids.live_items(children) if children is not None else ():
            run = kids.child_id(self._parent(node, item))
            self.transition.stops.append(Stop(run, _NOT_WANTED))

    def start_again(self, wanted: Iterable[str]) -> None:
        """Start these child runs of live nodes again: nobody knows them. `spawn` does it."""
        self.state.again.update(wanted)

    def _spawn_again(self) -> None:
        again = self.state.again
        for node, item in self._live_children() if again else ():
            run = kids.child_id(self._parent(node, item))
            if run not in again:
                continue
            if self.out_of_budget() or len(self.transition.starts) >= self.limits.tokens:
                self.transition.more = True
                return
            try:
                start = self._start_if_ready(node, item)
            except ExpressionFailed as failed:
                failure = Failure("expression", str(failed), retryable=False)
                self.child_ended(node, Outcome("error", failure=failure, item=item))
            else:
                if start is None:
                    return
                self.transition.starts.append(start)
                self.used_bytes += len(bytes(start.inputs))
            again.discard(run)
        again.clear()  # nobody waits for the others

    def _live_children(self) -> Iterator[tuple[NodePlan, int]]:
        """Every child run that a node waits for; of those that were there when it began."""
        for id, children in list(self.state.rest.children.items()):
            node = self.plan.nodes[self.plan.index[id]]
            if self.frontier.cell(node.index)[0] == NodeStatus.WAITING:
                for item in list(kids.live_items(children)):
                    yield node, item

    def resume_children(self, known: Mapping[str, Outcome | None]) -> None:
        """After a restore: take over how child runs ended, start again what nobody knows."""
        for id, children in list(self.state.rest.children.items()):
            node = self.plan.nodes[self.plan.index[id]]
            for item in list(kids.live_items(children)):
                run = kids.child_id(self._parent(node, item))
                cancelling = self.frontier.cell(node.index)[0] == NodeStatus.CANCELLING
                if run in known:
                    outcome = known[run]
                elif cancelling:
                    failure = Failure("cancelled", "it never started", retryable=False)
                    outcome = Outcome("error", failure=failure, item=item)
                else:
                    self.start_again([run])
                    continue
                if outcome is not None:
                    self.child_ended(node, outcome)
                elif cancelling:
                    self.transition.stops.append(Stop(run, _NOT_WANTED))

    # ── large values ──────────────────────────────────────────────────────────────────────────

    def _want(self, needed: NeedsBlob) -> None:
        """Ask for a blob; the node goes on when it is there. Raises ExpressionFailed if no store
        has it."""
        ref = self.values.raw(needed.path)
        assert isinstance(ref, CasRef)
        if ref.digest in self.state.blobs:
            raise ExpressionFailed(f"no store has the blob {ref.digest}")
        self.state.wanted.add(ref.digest)
        self.transition.more = True


def note_item(
    children: Children, outputs: dict[str, Stored], node: str, data: dict[str, Any]
) -> Stored | None:
    """What `node.item` with that data says of an item; its result, if it has one."""
    item = data["item"]
    kids.note_ended(children, item)
    if (failure := data.get("error")) is not None:
        failure = msgspec.convert(failure, Failure)
        children.failed.append(kids.item_error(item, failure))
        children.size_bytes += len(failure.message)
        return None
    if (ref := data.get("output_ref")) is not None:
        stored = Stored(ref=msgspec.convert(ref, CasRef))
    else:
        output = data["output"]
        raw = output if isinstance(output, msgspec.Raw) else msgspec.Raw(encode(output))
        stored = Stored(msgspec.Raw(bytes(raw)))
        children.size_bytes += len(bytes(raw))
    outputs[kids.item_key(node, item)] = stored
    return stored


def _as_items(node: NodePlan, found: Any) -> Sequence[Any]:
    """Raises ExpressionFailed."""
    text = node.items.text
    if isinstance(found, int) and not isinstance(found, bool):
        found = range(found)
    if not isinstance(found, list | range):
        raise ExpressionFailed(f"items `{text}`: expected a list or a number")
    if len(found) > kids.MAX_ITEMS:
        raise ExpressionFailed(f"items `{text}`: {len(found)} items, the limit is {kids.MAX_ITEMS}")
    return found
