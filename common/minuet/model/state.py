"""A run's state as it is stored: by the commit in Redis, and as the snapshot of a restore.

Redis keeps it in hash `run:<id>`: `head` and `meta` (the JSON of Start), `ir` if a patch led to
another one than `meta` names, `rest` (the JSON of Rest) if the run has any, `n:<node>` = text of
NodeRecord for every node that left pending; and in hash `out:<id>`: node id = JSON of Stored. An
output that is null has no field.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from .signal import Start
from .status import NodeStatus, RunStatus
from .token import CasRef, Outcome


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value: inline, or a reference with the values of the paths that are read inline
    (keys as in Outcome.values)."""

    value: msgspec.Raw = msgspec.Raw(b"null")
    ref: CasRef | None = None
    values: dict[str, Any] = {}


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that no node waited for when it came. `number` is that of its command."""

    number: int
    name: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    by: str = ""


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a run that is cancelling or compensating will end. At `until` (ms, 0: never) it no
    longer waits for its workers."""

    status: int
    error: dict[str, Any] = {}
    until: int = 0


class ItemError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an item of a map failed."""

    item: int
    code: str
    message: str


class Children(msgspec.Struct, omit_defaults=True):
    """How far the child runs of one node have come: a `workflow` node has one, item 0.

    Items below `next` were started; of these all below `low` and those in `beyond` have ended.
    `size_bytes` is that of the results so far.
    """

    count: int
    next: int = 0
    low: int = 0
    beyond: list[int] = []
    failed: list[ItemError] = []
    size_bytes: int = 0


class Rest(msgspec.Struct, omit_defaults=True):
    """What few runs have: messages nobody waited for yet, ids of finished nodes that can be
    compensated (in the order in which they finished), by node id the child runs of live nodes, and
    the end that is coming."""

    messages: list[Message] = []
    undo: list[str] = []
    children: dict[str, Children] = {}
    ending: Ending | None = None


class NodeRecord(NamedTuple):
    """`n:<node>`. `due_at` (ms) is the node's timer, 0 if it has none. Counts are of edges.

    `exits` are the positions of the taken ones among the out-edges that wait for the end of a
    loop.
    """

    status: NodeStatus
    gen: int = 0
    attempt: int = 0
    iteration: int = 0
    taken: int = 0
    dead: int = 0
    due_at: int = 0
    port: str = ""
    exits: tuple[int, ...] = ()

    def encode(self) -> str:
        s, gen, attempt, iteration, taken, dead, due_at, port, exits = self
        rounds = f"{iteration}:{','.join(map(str, exits))}" if exits else f"{iteration}"
        return f"{int(s)} {gen} {attempt} {rounds} {taken} {dead} {due_at} {port}"

    @classmethod
    def decode(cls, text: str) -> NodeRecord:
        """Raises ValueError on anything that `encode` did not write."""
        # Workers name ports: a blank in one must not make the run unreadable.
        s, gen, attempt, rounds, taken, dead, due_at, port = text.split(" ", 7)
        iteration, _, exits = rounds.partition(":")
        return cls(
            NodeStatus(int(s)), int(gen), int(attempt), int(iteration), int(taken), int(dead),
            int(due_at), port, tuple(map(int, exits.split(","))) if exits else (),
        )  # fmt: skip


class Head(NamedTuple):
    """`head` of `run:<id>`: all of it that outlives the run until its keys are unlinked.

    `last` is the (owner/commit) of the last commit that touched the run; `cmd` the number of the
    last command applied; `deadline_at` ms or 0.
    """

    status: RunStatus
    seq: int
    cmd: int
    counter: int
    last: str
    deadline_at: int = 0

    def encode(self) -> str:
        return head_text(*self)

    @classmethod
    def decode(cls, text: str) -> Head:
        """Raises ValueError on anything that `encode` did not write."""
        status, seq, cmd, counter, last, deadline_at = text.split(" ")
        return cls(RunStatus(int(status)), int(seq), int(cmd), int(counter), last, int(deadline_at))


def head_text(
    status: RunStatus, seq: int, cmd: int, counter: int, last: str, deadline_at: int
) -> str:
    """Text of a Head, without making one: every transition writes it."""
    return f"{int(status)} {seq} {cmd} {counter} {last} {deadline_at}"


class RunSnapshot(msgspec.Struct, omit_defaults=True):
    """A whole run, as folding its history gives it; what a `restore` installs. `ir` is the digest
    of the IR that it is on; it started on `start.ir`. `children` are the child runs that history
    knows, with the outcome of those that ended."""

    start: Start
    head: str
    nodes: dict[str, str]
    outputs: dict[str, Stored] = {}
    ir: str = ""
    rest: Rest = msgspec.field(default_factory=Rest)
    children: dict[str, Outcome | None] = {}
    v: int = 1
