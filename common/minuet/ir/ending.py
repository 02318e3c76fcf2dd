"""How a run ends: by its last token, by failure, by being stopped; and what is undone before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minuet.model.state import Ending, Rest
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import CasRef

from .edges import ExpressionFailed
from .outputs import render_outputs
from .step import Step

STOPPING = (RunStatus.CANCELLING, RunStatus.COMPENSATING)


class EndingStep(Step):
    """A step that knows how its run ends."""

    def settle(self) -> None:
        """Walk on: inline nodes are evaluated, task nodes dispatched, as far as bounds allow."""
        self.pump()
        while self._may_end():
            self.end_if_done()
            self.pump()
        if not self.state.status.ended:
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
        return not (state.status.ended or self.frontier.live or state.cmd < 0)

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

    def fail(self, error: dict[str, Any]) -> None:
        self.stop(RunStatus.FAILED, error, patient=False)

    def stop(self, status: RunStatus, error: dict[str, Any], *, patient: bool) -> None:
        """End the run in `status`. A patient stop waits until the workers have let go of what they
        have in hand; so does every stop after which something is to be undone."""
        undoes = status.word in self.plan.ir.compensate_on
        busy = set(self.frontier.nodes_in(NodeStatus.READY)) if patient or undoes else set()
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
            self.transition.cancelled.append(self.state.token_id(index))
            self.frontier.mark(index, NodeStatus.CANCELLING)
        data = {"status": status.word, "error": error, "until": until}
        self.emit("run.cancelling", data=data)

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
        live = self.frontier.live
        if live and self.frontier.waiting == live and self.state.status is RunStatus.RUNNING:
            self.state.status = RunStatus.WAITING
            self.emit("run.waiting", data={})
