"""What is known when somebody asks why a run does not move; the decision needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from minuet.model.status import NodeStatus, RunStatus


@dataclass(frozen=True, slots=True)
class Token:
    """A live token. `due_at` is its timer, `since` when it began to wait, `error` what its last
    attempt ended with, `awaits` the message it waits for; `asks` if it waits for a person."""

    id: str
    node: str
    type: str
    status: NodeStatus
    gen: int = 1
    attempt: int = 1
    max_attempts: int = 1
    due_at: datetime | None = None
    since: datetime | None = None
    error: str | None = None
    inline: bool = False
    asks: bool = False
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A worker told that it began."""

    worker: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """A pending approval."""

    id: str
    requested_at: datetime
    expires_at: datetime | None
    assignees: list[str]
    groups: list[str]


@dataclass(frozen=True, slots=True)
class Load:
    """What the live workers of a node type have to offer."""

    slots: int
    busy: int


@dataclass(frozen=True, slots=True)
class Order:
    """A command: who gave it, when and why."""

    by: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ChildRuns:
    """Of `count` child runs of a node `ended` have ended, and the first few of those that go on are
    `runs`."""

    runs: list[str]
    ended: int
    count: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """The line of a concurrency key: the runs that hold it, and this run's place behind them."""

    key: str
    holders: list[str]
    position: int


@dataclass(frozen=True, slots=True)
class Facts:
    """`tokens` are the live ones, in the order of the document. Of types with a dispatched token is
    known: `held` (token id -> worker), `positions` (token id -> place in line, from 1), and which
    are `long_lines`, not read to their end. `began` is by token id, `questions` and `children`
    by node. `in_redis`: the owner's state was there; `owned`: there is an owner. `out`
    counts the tokens that were dispatched, of at most `max_parallel`."""

    id: str
    status: RunStatus
    accepted_at: datetime
    in_redis: bool = True
    owned: bool = True
    tokens: list[Token] = field(default_factory=list)
    loads: Mapping[str, Load] = field(default_factory=dict)
    live_workers: Set[str] = frozenset()
    held: Mapping[str, str] = field(default_factory=dict)
    positions: Mapping[str, int] = field(default_factory=dict)
    long_lines: Set[str] = frozenset()
    began: Mapping[str, Started] = field(default_factory=dict)
    questions: Mapping[str, Question] = field(default_factory=dict)
    children: Mapping[str, ChildRuns] = field(default_factory=dict)
    max_parallel: int = 1000
    out: int = 0
    paused: Order | None = None
    stops_at: datetime | None = None
    starts_held: str | None = None
    key_line: KeyLine | None = None
