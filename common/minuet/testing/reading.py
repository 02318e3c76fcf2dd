"""From the history of a run to what a test looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from minuet.model.status import NodeStatus

from .caller import Blobs, Call, Caller
from .member import Member
from .run import Attempt, HistoryEvent, NodeRun, Round, Run


def read_run(member: Member, children: dict[str, list[Run]], caller: Caller) -> Run:
    """How the run stands; `children` are by node, in the order in which they were started."""
    state, start = member.state, member.start
    reader = _Reader(member, caller.blobs)
    reader.add_calls(member.calls)
    for event in reader.events:
        if event.node is not None:
            reader.tell(event)
    end = reader.events[-1].data if state.status.ended else {}
    outputs: Any = end.get("outputs")
    for name, ref in end.get("outputs_ref", {}).items():
        outputs[name] = caller.blobs.get(ref["$cas"], ref.get("path", ""))
    return Run(
        id=state.run,
        workflow=start.workflow,
        inputs=_plain(start.inputs),
        item=None if start.parent is None else start.parent.item,
        status=state.status.word,
        outputs=outputs,
        error=end.get("error"),
        duration_ms=reader.events[-1].at_ms if reader.events else 0,
        events=reader.events,
        logs=[*caller.logs[state.run]],
        nodes=reader.nodes,
        child_runs=children,
    )


class _Reader:
    def __init__(self, member: Member, blobs: Blobs) -> None:
        state = member.state
        started = state.start.accepted_at
        self._state = state
        self._blobs = blobs
        self.nodes = {node.id: NodeRun(node.id, node.node.type) for node in state.plan.nodes}
        self.events = [
            HistoryEvent(event.type, at - started, event.node, event.gen, _plain(event.data))
            for at, event in member.history
        ]

    def add_calls(self, calls: Sequence[Call]) -> None:
        for call in calls:
            token, outcome = call.token, call.outcome
            self.nodes[token.node].calls.append(
                Attempt(
                    number=token.attempt,
                    config=call.config,
                    port=outcome.port,
                    output=self._output(_plain(outcome)),
                    error=None if outcome.failure is None else _plain(outcome.failure),
                )
            )

    def tell(self, event: HistoryEvent) -> None:
        """Let the node be what the event says."""
        node, data = self.nodes[event.node or ""], event.data
        index = self._state.plan.index[node.id]
        status, _, attempt, *_ = self._state.frontier.cell(index)
        node.status, node.attempts = NodeStatus(status).word, attempt
        if event.type == "node.ready" and node.started_ms is None:
            node.started_ms = event.at_ms
        elif event.type == "node.ended":
            node.port, node.error = data.get("port"), data.get("error")
            node.output = self._output(data)
            node.ended_ms = event.at_ms
            end = Round(data["status"], node.port, node.output, node.error, event.at_ms)
            node.rounds.append(end)

    def _output(self, data: dict[str, Any]) -> Any:
        ref = data.get("output_ref")
        return data.get("output") if ref is None else self._blobs.get(ref["$cas"])


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
