"""Folding the events of a run: the history gives back exactly the state and its timers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from minuet.model.event import Event
from minuet.model.signal import Start
from minuet.model.state import Children, Ending, Message, Rest, Stored
from minuet.model.status import (
    NODE_STATUS_BY_WORD,
    RUN_STATUS_BY_WORD,
    NodeStatus,
    RunStatus,
)
from minuet.model.token import CasRef

from .patching import move_to_plan
from .plan import Plan
from .run_state import RunState
from .spawning import note_item

NO_PLANS: Mapping[str, Plan] = {}


def fold(
    plan: Plan, start: Start, events: Iterable[Event], plans: Mapping[str, Plan] = NO_PLANS
) -> RunState:
    """State after `events` (seq 1 onwards, without a gap), in which every output is loaded.

    `plan` is what the run started on, `plans` what patches led to, by IR digest (see
    `plans_needed`). `last` and `cmd` stand in the transition records, not in the events: the caller
    sets them.
    Raises KeyError or ValueError if the events do not belong to this plan.
    """
    state = RunState(plan, start)
    for event in events:
        state.seq += 1
        if event.type == "patch.applied":
            move_to_plan(state, plans[event.data["ir"]], event.data["resolved"])
        else:
            _FOLDS.get(event.type, _ignore)(state, event)
    state.collect_armed()
    state.frontier.take_touched()
    return state


def plans_needed(events: Iterable[Event]) -> list[str]:
    """Digests of the IRs that patches among `events` led to."""
    return [event.data["ir"] for event in events if event.type == "patch.applied"]


def _ignore(state: RunState, event: Event) -> None:
    """Warnings and refusals change nothing."""


def _run_started(state: RunState, event: Event) -> None:
    state.status = RunStatus.RUNNING
    state.deadline_at = event.data.get("deadline_at", 0)
    state.frontier.start()


def _run_waiting(state: RunState, event: Event) -> None:
    state.status = RunStatus.WAITING


def _run_paused(state: RunState, event: Event) -> None:
    state.status = RunStatus.PAUSED


def _run_resumed(state: RunState, event: Event) -> None:
    state.status = RunStatus.RUNNING


def _run_cancelling(state: RunState, event: Event) -> None:
    state.status = RunStatus.CANCELLING
    state.rest.ending = _ending(event)
    spawning = [state.plan.index[id] for id in state.rest.children]
    for index in (*state.frontier.nodes_in(NodeStatus.READY), *spawning):
        state.due.pop(index, None)
        state.frontier.mark(index, NodeStatus.CANCELLING)


def _run_compensating(state: RunState, event: Event) -> None:
    state.status = RunStatus.COMPENSATING
    state.rest.ending = _ending(event)


def _ending(event: Event) -> Ending:
    data = event.data
    return Ending(int(RUN_STATUS_BY_WORD[data["status"]]), data["error"], data.get("until", 0))


def _run_ended(state: RunState, event: Event) -> None:
    state.status = RUN_STATUS_BY_WORD[event.data["status"]]
    state.rest = Rest()


def _message_received(state: RunState, event: Event) -> None:
    """Kept until a node takes it, which may be the very next event."""
    data = event.data
    message = Message(data["number"], data["name"], _raw(data["data"]), data["by"])
    state.rest.messages.append(message)


def _message_taken(state: RunState, event: Event) -> None:
    _armed(state, event)
    number = event.data["number"]
    state.rest.messages = [each for each in state.rest.messages if each.number != number]


def _node_ready(state: RunState, event: Event) -> None:
    index = _armed(state, event)
    state.due.pop(index, None)
    while state.frontier.cell(index)[2] < event.data["attempt"]:  # restored over another history
        state.frontier.next_attempt(index)
    state.frontier.mark(index, NodeStatus.ARMED if event.data.get("held") else NodeStatus.READY)
    if state.status is RunStatus.WAITING:
        state.status = RunStatus.RUNNING


def _node_waiting(state: RunState, event: Event) -> None:
    index = _armed(state, event)
    state.frontier.mark(index, NodeStatus.WAITING)
    if (due_at := event.data.get("due_at")) is not None:
        state.due[index] = due_at
    if (count := event.data.get("children")) is not None:
        state.rest.children[event.node or ""] = Children(count)


def _node_spawned(state: RunState, event: Event) -> None:
    state.rest.children[event.node or ""].next = event.data["last"] + 1


def _node_item(state: RunState, event: Event) -> None:
    node = event.node or ""
    note_item(state.rest.children[node], state.outputs, node, event.data)


def _node_retrying(state: RunState, event: Event) -> None:
    index = _index(state, event)
    state.forget_children(index)
    while state.frontier.cell(index)[2] < event.data["attempt"]:
        state.frontier.next_attempt(index)
    state.frontier.mark(index, NodeStatus.RETRYING)
    state.due[index] = event.data["due_at"]


def _node_ended(state: RunState, event: Event) -> None:
    index = _armed(state, event)
    data = event.data
    status = NODE_STATUS_BY_WORD[data["status"]]
    state.due.pop(index, None)
    state.forget_children(index)
    state.frontier.mark(index, status)
    if status is NodeStatus.CANCELLED:
        return  # resolves no edge
    if status is NodeStatus.SKIPPED:
        state.outputs.pop(event.node or "", None)
        if "guard" in data:  # any other skip follows from the edges that were resolved before
            state.frontier.resolve(index, "", [])
        return
    state.ports[index] = data["port"]
    _fold_output(state, event.node or "", data)
    if status is NodeStatus.SUCCEEDED:
        state.note_finished(index)
    if "loop" in data:
        state.iterate(index)
    elif data.get("fatal"):
        if state.status is RunStatus.COMPENSATING:
            state.note_not_undone(index)
    elif state.status is not RunStatus.CANCELLING:
        state.frontier.resolve(index, data["port"], data.get("taken"))


def _armed(state: RunState, event: Event) -> int:
    """The node. What undoes another is armed by its first event: no edge leads to it."""
    index = _index(state, event)
    is_pending = state.frontier.cell(index)[0] == NodeStatus.PENDING
    if is_pending and state.status is RunStatus.COMPENSATING:
        state.frontier.arm(index)
        state.rest.undo.pop()
    return index


def _fold_output(state: RunState, node: str, data: dict[str, Any]) -> None:
    if (ref := data.get("output_ref")) is not None:
        ref = msgspec.convert(ref, CasRef)
        state.outputs[node] = Stored(ref=ref, values=data.get("values", {}))
    elif "output" in data:
        state.outputs[node] = Stored(value=_raw(data["output"]))
    else:
        state.outputs.pop(node, None)


def _raw(value: Any) -> msgspec.Raw:
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(_encode(value))


def _index(state: RunState, event: Event) -> int:
    return state.plan.index[event.node or ""]


_encode = msgspec.json.Encoder().encode
_FOLDS = {
    "run.started": _run_started,
    "run.waiting": _run_waiting,
    "run.paused": _run_paused,
    "run.resumed": _run_resumed,
    "run.cancelling": _run_cancelling,
    "run.compensating": _run_compensating,
    "run.ended": _run_ended,
    "message.received": _message_received,
    "message.taken": _message_taken,
    "node.ready": _node_ready,
    "node.waiting": _node_waiting,
    "node.spawned": _node_spawned,
    "node.item": _node_item,
    "node.retrying": _node_retrying,
    "node.ended": _node_ended,
}
