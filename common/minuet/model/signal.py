"""Signals: what the coordinator must react to, as they stand in `{p}:signals`.

A stream entry is a flat list of fields. Field `k` is the kind; the rest depends on it:

    start, command, restore, stop, archived, reemit, continue     s = JSON of the struct below
    done      one field a token: token id = JSON of Outcome
    timer     one field a timer: member   = due_at in ms
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .prepared import prepare
from .token import CasRef

SIGNAL_VERSION = 1

Kind = Literal[
    "start", "command", "restore", "stop", "archived", "reemit", "continue", "done", "timer"
]


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a node in an earlier run, which a retry takes over instead of running it."""

    port: str
    output: msgspec.Raw = msgspec.Raw(b"null")
    output_ref: CasRef | None = None
    values: dict[str, Any] = {}


class Parent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The token whose node this run is a part of; `item` is its place in a map."""

    run: str
    node: str
    gen: int
    attempt: int
    item: int | None = None

    @property
    def token(self) -> str:
        return f"{self.run}/{self.node}/{self.gen}/{self.attempt}"


class Start(msgspec.Struct, frozen=True, omit_defaults=True):
    """Command 0 of a run. `ir` is the digest of the compiled document in the tenant's CAS.

    Inputs stand in `inputs`, or, above the inline limit, in `inputs_ref` with the values of the
    paths that the document reads inline ("inputs.domain") in `values`.
    `kept` holds, by node id, what a retry takes over from the run `retry_of`.
    `stop` is a cancel that came before the run was sent: it ends at once, and nothing of it runs.
    A child run has a `parent`; its deadline is `deadline_at` (ms since the epoch) at the latest,
    and `returns` are the paths of its output that the parent reads inline. `document` is the digest
    of its document's blob: no acceptance has written that down.
    `not_after` is Redis time in ms; a later append is refused. `accepted_at` is ms since the epoch.
    """

    run: str
    tenant: str
    ir: str
    workflow: str
    accepted_at: int
    v: int = SIGNAL_VERSION
    workflow_version: int | None = None
    inputs: msgspec.Raw = msgspec.Raw(b"{}")
    inputs_ref: CasRef | None = None
    values: dict[str, Any] = {}
    traceparent: str | None = None
    not_after: int = 0
    retry_of: str | None = None
    kept: dict[str, Kept] = {}
    stop: Command | None = None
    priority: int = 5
    parent: Parent | None = None
    document: str | None = None
    deadline_at: int | None = None
    returns: list[str] = []


CommandName = Literal["cancel", "decision", "patch", "pause", "resume", "message"]


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """Command `number` >= 1 of a run; the owner applies only the next number.

    Data by name
        cancel    {reason?}
        pause     {reason?}
        resume    {}
        message   {name, data?, by}   ends one node that waits for `name`, or is kept until one does
        decision  {node, gen, decision: "approve" | "reject", comment?, payload?, by}
                  ends the waiting hitl node on `approved` or `rejected`, with the output
                  {decision, by, comment, payload}
        patch     {patch, base, ir, document, by, note?}
                  `base` and `ir` are IR digests: what the patch was made on, and what it makes
    """

    run: str
    number: int
    name: CommandName
    v: int = SIGNAL_VERSION
    data: dict[str, Any] = {}
    principal: str = ""
    not_after: int = 0


class Restore(msgspec.Struct, frozen=True, omit_defaults=True):
    """Install the state that Postgres holds: `state` is the CAS reference of a RunSnapshot.

    Installed if the owner's own seq is lower, or if `fork` (the recorder saw a history that does
    not follow the stored one). `refused`: Postgres refused what the owner built on this very state,
    and so many transitions of the run in all: what the owner has since then cannot be recorded.
    """

    run: str
    tenant: str
    seq: int
    state: CasRef
    v: int = SIGNAL_VERSION
    fork: bool = False
    refused: int = 0
    not_after: int = 0


class Stop(msgspec.Struct, frozen=True, omit_defaults=True):
    """The parent does not want this child run any more: it is cancelled."""

    run: str
    reason: str = ""
    v: int = SIGNAL_VERSION


class Archived(msgspec.Struct, frozen=True, omit_defaults=True):
    """The recorder stored the run's last event (`seq`): its keys may shrink."""

    run: str
    seq: int
    v: int = SIGNAL_VERSION


class Reemit(msgspec.Struct, frozen=True, omit_defaults=True):
    """These tokens stand in no stream: dispatch again those that are still ready. These child runs
    are known to nobody: start again those that are still wanted."""

    run: str
    tokens: list[str]
    children: list[str] = []
    v: int = SIGNAL_VERSION


class Continue(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner's note to itself: go on with the armed nodes of a run."""

    run: str
    v: int = SIGNAL_VERSION


RunSignal = Start | Command | Restore | Stop | Archived | Reemit | Continue
SIGNAL_TYPES: dict[str, type[RunSignal]] = {
    "start": Start,
    "command": Command,
    "restore": Restore,
    "stop": Stop,
    "archived": Archived,
    "reemit": Reemit,
    "continue": Continue,
}


prepare(Start, Restore)
