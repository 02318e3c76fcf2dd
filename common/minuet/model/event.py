"""Events: the history of a run. Folding them gives back its state (see `minuet.ir.fold`).

A commit writes one entry to `{p}:events` with the single field `e`: the JSON of `CommitRecord`.
A run's event ids are its `seq`: 1, 2, 3 ... without a gap; the i-th event of a transition has id
`first_seq + i`.

Event types and their data
    run.started    {deadline_at?, start?}   start: how a child run was started
    run.waiting    {}                       every live token waits
    run.paused     {number, by, reason?}    nothing is dispatched
    run.resumed    {number, by}
    run.cancelling {status, error, until}   nodes that were ready are cancelling now; the run ends
                   in `status` once their workers have let go, at `until` (ms) at the latest
    run.compensating {status, error}        finished nodes are undone; then it ends in `status`
    run.ended      {status, outputs?, outputs_ref?, error?}
                   outputs_ref: name -> reference of outputs too large to stand inline
    node.spawned   {first, last}            child runs of these items were started
    node.item      {item, run, output?, output_ref?, error?}   a child run of a map ended
    node.ready     {attempt, iteration?, held?}   held: armed, dispatched by a later node.ready
    node.waiting   {attempt, due_at?, children?, child?}
                   children: how many child runs it waits for; child: the only one
    node.retrying  {attempt, due_at, error}       attempt is the coming one
    node.ended     {status, port, attempt, output?, output_ref?, error?, taken?,
                    started_at?, ended_at?, worker?, loop?, guard?, reused?}
                   taken: indices of the out-edges taken, among the node's own in document order;
                   absent when they follow from the port alone
                   loop: the iteration that begins: the node closes a loop, which goes round again
                   guard: false held it back; reused: the result was taken over from another run
    message.received {number, name, by, data}
    message.taken  {number}                 by the node that waited for it
    approval.requested {approval, message, payload?, form?, assignees?, groups?, expires_at?}
    approval.decided   {approval, decision, by, comment?, payload?}
    approval.expired   {approval}
    approval.cancelled {approval}
    patch.applied  {number, patch, base, ir, document, by, note?, resolved?}
                   resolved: node id -> positions of the taken ones among the new out-edges of
                   nodes that had ended
    command.refused {number, name, reason, detail?, patch?}
                   reason: not_waiting | base_moved | conflict | paused | not_paused | ending |
                   too_many_messages
    warning        {code, message}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

EVENT_VERSION = 1


class Event(msgspec.Struct, omit_defaults=True):
    """One event without its id: position in the transition gives it. `time` is ms since the epoch,
    present only in what the API sends (inside a transition the record's time counts)."""

    type: str
    node: str | None = None
    gen: int | None = None
    data: dict[str, Any] = {}


class TransitionRecord(msgspec.Struct, omit_defaults=True):
    """What one commit did to one run.

    `prev` names the (owner, commit) of the run's previous transition, "" for the first: a record
    whose `prev` is not the last stored one belongs to a forked history. `cmd` is the number of
    the last command applied, `status` a RunStatus number, `counter` the live tokens after it.
    `events` is the JSON of list[Event], kept raw. `plain` tells that they say nothing but how run
    and nodes went on (see `is_plain`): whoever looks for anything else need not read them.
    """

    run: str
    tenant: str
    prev: str
    seq: int
    cmd: int
    status: int
    counter: int
    count: int
    events: msgspec.Raw
    plain: bool = False

    @property
    def first_seq(self) -> int:
        """Id of the first event; `seq` is that of the last."""
        return self.seq - self.count + 1


PLAIN_TYPES = frozenset(
    {"run.started", "run.waiting", "run.ended", "node.ready", "node.waiting", "node.retrying",
     "node.ended"}
)  # fmt: skip
REFERENCE_MARK = b'"$cas"'
"""Stands in the JSON of whatever names a blob."""


def is_plain(events: Iterable[Event], text: bytes) -> bool:
    """Whether `events`, whose JSON is `text`, name no blob and nothing beside run and nodes."""
    return REFERENCE_MARK not in text and all(each.type in PLAIN_TYPES for each in events)


class CommitRecord(msgspec.Struct):
    """All transitions of one commit. `time` is ms since the epoch (Redis time)."""

    owner: str
    commit: int
    time: int
    runs: list[TransitionRecord]
    v: int = EVENT_VERSION

    @property
    def id(self) -> str:
        return f"{self.owner}/{self.commit}"


class LiveEvent(msgspec.Struct, omit_defaults=True):
    """What workers tell beside the history: `{p}:live`, one field `l` an entry; may be lost.

    type is node.started, node.progress, node.log, node.delta or node.turn; `time` is ms since the
    epoch.
    node.log {level, message, fields?} · node.progress {fraction?, message?} · node.started {worker}
    node.delta {turn, at, text, restart?}: what a model says, piece by piece; `at` is how many
    characters (code points) of the turn came before, so a piece that comes twice changes nothing
    and a lost one shows. `restart` (at 0) drops what this turn said before.
    node.turn {turn, text, calls: [{name, arguments, result?, is_error?}], model?, input_tokens?,
    output_tokens?}: the whole turn, in place of its pieces; told again once its calls have results.
    """

    type: str
    run: str
    tenant: str
    node: str
    gen: int
    attempt: int
    time: int
    data: dict[str, Any] = {}
    v: int = EVENT_VERSION
