"""How a run ends: by its last token, by failure, by being stopped; and what is undone before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minuet.model.signal import Start
from minuet.model.state import Ending, Rest
from minuet.model.status import ERROR, NodeStatus, RunStatus
from minuet.model.token import CasRef, Failure, Outcome

from .children import running, stored_value
from .edges import ExpressionFailed
from .outputs import render_outputs
from .spawning import SpawningStep
from .step import ENDED

STOPPING = (RunStatus.CANCELLING, RunStatus.COMPENSATING)


class EndingStep(SpawningStep):
    """A step that knows how its run ends."""

    def settle(self) -> None:
        """Walk on: inline nodes are evaluated, task nodes dispatched, as far as bounds allow."""
        self.pump()
        while not self.frontier.live and self._may_end():
            self.end_if_done()
            self.pump()
        if self.state.status < ENDED:
            if self.parked:
                self.arm(self.parked)
            if self.fresh:
                self.hold_rest()
            self._note_waiting()
        if self.transition.patched:
            self.transition.records = self.state.records()
        else:
            touched = self.frontier.take_touched()
            nodes = self.plan.nodes
            self.transition.records = {nodes[i].id: self.state.record(i) for i in touched}

    def _may_end(self) -> bool:
        state = self.state
        return not (state.status >= ENDED or self.frontier.live or state.cmd < 0)

    def end_if_done(self) -> None:
        """If no token is left: end the run, or go on with what is to be done before."""
        if not self._may_end():
            return
        ending = self.state.rest.ending
        if ending is not None:
            self._undo_or_end(ending)
            return
        try:
            rendered = render_outputs(self.state, self.values)
        except ExpressionFailed as failed:
            self.end(RunStatus.FAILED, error={"code": "expression", "message": str(failed)})
        else:
            self.end(RunStatus.SUCCEEDED, outputs=rendered.values, refs=rendered.refs)

    def end(
        self,
        status: RunStatus,
        *,
        outputs: Any = None,
        refs: Mapping[str, CasRef] | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        """No token may be live."""
        if self.state.rest.ending is None:
            self._drop_deadline()
        elif self.state.status is RunStatus.CANCELLING:
            self.drop_timer(f"stop {self.state.run}")
        self.state.status = status
        if self.state.rest != Rest():
            self.state.rest = Rest()
            self.transition.rest = True
        data: dict[str, Any] = {"status": status.word}
        if outputs is not None:
            data["outputs"] = outputs
        if refs:
            data["outputs_ref"] = refs
        if error is not None:
            data["error"] = error
        self.emit("run.ended", data=data)
        if (parent := self.state.start.parent) is not None:
            outcome, blob = child_outcome(self.state.start, status, outputs, refs, error)
            self.transition.done.append((parent.token, outcome))
            if blob is not None and outcome.output_ref is not None:
                self.transition.blobs[outcome.output_ref.digest] = blob

    def fail(self, error: dict[str, Any]) -> None:
        self.stop(RunStatus.FAILED, error, patient=False)

    def stop(self, status: RunStatus, error: dict[str, Any], *, patient: bool) -> None:
        """End the run in `status`. A patient stop waits until the workers have let go of what they
        have in hand; so does every stop after which something is to be undone."""
        undoes = status.word in self.plan.ir.compensate_on
        busy = self._busy() if patient or undoes else set()
        self.cancel_nodes(set(self.frontier.live_nodes()) - busy)
        self._drop_deadline()
        ending = Ending(int(status), error)
        if not busy:
            self._undo_or_end(ending)
            return
        until = self.now + self.limits.cancel_grace_ms
        self.state.rest.ending = Ending(int(status), error, until)
        self.transition.rest = True
        self.state.status = RunStatus.CANCELLING
        self.transition.timers_add[f"stop {self.state.run}"] = until
        for index in sorted(busy):
            if self.plan.nodes[index].spawns:
                self.drop_wait(index)
                self.stop_children(index)
            else:
                self.transition.cancelled.append(self.state.token_id(index))
            self.frontier.mark(index, NodeStatus.CANCELLING)
        data = {"status": status.word, "error": error, "until": until}
        self.emit("run.cancelling", data=data)

    def _busy(self) -> set[int]:
        """Nodes that somebody works at: a worker, or child runs."""
        spawning = (
            index
            for id, children in self.state.rest.children.items()
            if self.frontier.cell(index := self.plan.index[id])[0] == NodeStatus.WAITING
            and running(children)
        )
        return {*self.frontier.nodes_in(NodeStatus.READY), *spawning}

    def stop_waiting(self) -> None:
        """The time that workers had to let go is over."""
        if self.state.status is RunStatus.CANCELLING:
            self.cancel_nodes(self.frontier.nodes_in(NodeStatus.CANCELLING))

    def _undo_or_end(self, ending: Ending) -> None:
        """Undo the node that finished last, or end if none is left."""
        state, status = self.state, RunStatus(ending.status)
        if not (status.word in self.plan.ir.compensate_on and state.rest.undo):
            self.end(status, error=ending.error)
            return
        if state.status is not RunStatus.COMPENSATING:
            if state.status is RunStatus.CANCELLING:
                self.drop_timer(f"stop {state.run}")
            state.rest.ending = Ending(ending.status, ending.error)
            state.status = RunStatus.COMPENSATING
            self.emit("run.compensating", data={"status": status.word, "error": ending.error})
        self.transition.rest = True
        undone = self.plan.nodes[self.plan.index[state.rest.undo.pop()]]
        assert undone.node.compensate is not None
        index = self.plan.index[undone.node.compensate]
        self.frontier.arm(index)
        self.arm([index])

    def _drop_deadline(self) -> None:
        if self.state.deadline_at and self.state.rest.ending is None:
            self.drop_timer(f"deadline {self.state.run}")

    def _note_waiting(self) -> None:
        if (
            self.state.status is RunStatus.RUNNING
            and (live := self.frontier.live)
            and self.frontier.waiting == live
        ):
            self.state.status = RunStatus.WAITING
            self.emit("run.waiting", data={})


def child_outcome(
    start: Start,
    status: RunStatus,
    outputs: Any,
    refs: Mapping[str, CasRef] | None,
    error: dict[str, Any] | None,
) -> tuple[Outcome, bytes | None]:
    """What a child run tells its parent when it ends, and the blob that this refers to, if its
    outputs are large."""
    item = start.parent.item if start.parent is not None else None
    if status is not RunStatus.SUCCEEDED:
        why = (error or {}).get("message") or (error or {}).get("code") or status.word
        code = {RunStatus.CANCELLED: "child_cancelled", RunStatus.TIMED_OUT: "child_timed_out"}
        failure = Failure(
            code.get(status, "child_failed"),
            f"run {start.run} {status.word.replace('_', ' ')}: {why}",
            retryable=status is not RunStatus.CANCELLED,
            cause=(error or {}).get("code"),
        )
        return Outcome(ERROR, failure=failure, item=item), None
    whole = {**outputs, **refs} if refs else outputs
    stored, blob = stored_value(whole, start.returns)
    outcome = Outcome(output=stored.value, output_ref=stored.ref, values=stored.values, item=item)
    return outcome, blob
