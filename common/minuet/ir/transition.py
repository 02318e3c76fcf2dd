"""What `advance` gives back: everything that one commit must write for one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from minuet.model.event import Event
from minuet.model.node_type import Effect
from minuet.model.signal import Command, Continue, Reemit, Start, Stop
from minuet.model.timer import Timer
from minuet.model.token import Outcome


class Completion(NamedTuple):
    """A worker finished the token `node/gen/attempt` of this run."""

    node: str
    gen: int
    attempt: int
    outcome: Outcome


class Fired(NamedTuple):
    """A timer of this run is due."""

    timer: Timer


RunInput = Start | Command | Completion | Fired | Stop | Continue | Reemit


class Limits(NamedTuple):
    """Bounds of one transition; what they cut off goes on by a `continue` signal.

    `in_flight` is how many tokens of the run may be out; completions let it go on.
    `cancel_grace_ms` is how long a run that is being cancelled waits for its workers.
    """

    inline_steps: int = 1000
    tokens: int = 4096
    token_bytes: int = 8 * 1024 * 1024
    inline_value_bytes: int = 64 * 1024
    cancel_grace_ms: int = 15_000
    in_flight: int = 1 << 30


class Token(NamedTuple):
    """A task token to dispatch, `data` being the JSON of TaskToken."""

    type: str
    effect: Effect
    id: str
    data: bytes


class DeadLetter(NamedTuple):
    """`reason` is node_failed, signal or internal_error; `data` is JSON."""

    reason: str
    node: str
    data: bytes


@dataclass(slots=True)
class Transition:
    """`records` maps node ids to NodeRecord texts, `outputs` to the JSON of Stored.

    `starts` and `stops` are signals for child runs, `done` tells the parent (by token id) how this
    run ended, and `blobs` (by digest) must be in the store before the commit is sent.
    `more` asks for a `continue` signal. `dropped` counts inputs that named no live execution, or
    a command that was not the next. `started` tells that meta and inputs must be written too,
    `patched` that the run is on another plan, `rest` that the state's `rest` changed.
    """

    run: str
    events: list[Event] = field(default_factory=list)
    records: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    timers_add: dict[str, int] = field(default_factory=dict)
    timers_del: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    done: list[tuple[str, Outcome]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    more: bool = False
    started: bool = False
    patched: bool = False
    rest: bool = False
    dropped: int = 0
