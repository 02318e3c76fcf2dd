"""Why a run does not move, as the API says it and the client hands on."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

Kind = Literal[
    "no_coordinator", "queued", "restoring", "paused", "cancelling", "compensating", "concurrency",
    "running", "worker_gone", "under_way", "no_worker", "backlog",
    "backoff", "approval", "message", "timer", "child", "handed_over",
    "max_parallel", "dispatching",
]  # fmt: skip

# The run goes on by itself in a moment: nothing is in its way.
MOVING: Final[frozenset[Kind]] = frozenset(
    {"running", "under_way", "dispatching", "compensating", "cancelling"}
)


class Blocker(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one live token waits for, or, without `node`, what holds the run as a whole. `text` says
    it in a sentence without instants: these are `since`, and `until` when it ends by itself.

    backlog: `position` in the line of its type (absent: beyond the first few thousand), with the
    `slots` of the workers of that type and how many of them are `busy`. backoff: `attempt` is the
    coming one `of` at most so many, `error` what the last one ended with. approval: who may decide
    (nobody named: everybody). child, concurrency: the `runs` that it waits for.
    """

    kind: Kind
    text: str
    blocks: bool
    node: str | None = None
    gen: int | None = None
    attempt: int | None = None
    of: int | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    worker: str | None = None
    position: int | None = None
    slots: int | None = None
    busy: int | None = None
    approval: str | None = None
    assignees: list[str] = []
    groups: list[str] = []
    message: str | None = None
    by: str | None = None
    error: str | None = None
    runs: list[str] = []


class BlockerGroup(msgspec.Struct, frozen=True):
    """How many live tokens have the same reason; `type` is the node type."""

    kind: Kind
    type: str
    count: int
    blocks: bool


class Blockers(msgspec.Struct, frozen=True):
    """`live` tokens, of which `items` lists at most 200, those that block first; `groups` counts
    all of them. `run` is what holds the run as a whole."""

    id: str
    status: str
    live: int
    run: Blocker | None
    items: list[Blocker]
    groups: list[BlockerGroup]
