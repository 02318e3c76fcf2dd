"""What a test looks at once its run has come to rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .fakes import MISSING


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a node: its rendered config (None if that failed), and how it ended."""

    number: int
    config: Any
    port: str
    output: Any
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class LogLine:
    node: str
    level: str
    message: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """An event as docs/protocol.md describes it, `at_ms` after the start of the run."""

    type: str
    at_ms: int
    node: str | None
    gen: int | None
    data: dict[str, Any]

    def __str__(self) -> str:
        """As `Run.assert_events` wants it: `node.ended score`, `run.ended`."""
        return self.type if self.node is None else f"{self.type} {self.node}"


@dataclass(frozen=True, slots=True)
class Round:
    """One end of a node: in a loop it may end many times."""

    status: str
    port: str | None
    output: Any
    error: dict[str, Any] | None
    ended_ms: int


@dataclass(slots=True)
class NodeRun:
    """A node as it stands at the end. `attempts` counts those of the last execution, `calls` lists
    every call of it, `rounds` every end of it, skipped or not. Times are virtual ms since the start
    of the run."""

    id: str
    type: str
    status: str = "pending"
    port: str | None = None
    output: Any = None
    error: dict[str, Any] | None = None
    attempts: int = 0
    calls: list[Attempt] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    started_ms: int | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """`status` is succeeded, failed, cancelled or timed_out; `waiting` if every live node waits;
    before that running, paused, cancelling or compensating. Times are virtual, in ms since the
    start of this very run. `item` is the place of a run in the map that started it."""

    id: str
    workflow: str
    inputs: Any
    item: int | None
    status: str
    outputs: Any
    error: dict[str, Any] | None
    duration_ms: int
    events: list[HistoryEvent]
    logs: list[LogLine]
    nodes: dict[str, NodeRun]
    child_runs: dict[str, list[Run]] = field(repr=False)

    def node(self, name: str) -> NodeRun:
        """Raises KeyError, naming the nodes that there are."""
        try:
            return self.nodes[name]
        except KeyError:
            raise KeyError(f"no node {name!r}; there are {', '.join(self.nodes)}") from None

    def children(self, node: str) -> list[Run]:
        """The runs that a `map` or `workflow` node started: by item, and where the node ran more
        than once, its executions one after another. Raises KeyError as `node` does."""
        self.node(node)
        return self.child_runs.get(node, [])

    def child(self, node: str) -> Run:
        """The only one of these. Raises AssertionError if there is none or more."""
        found = self.children(node)
        if len(found) != 1:
            raise AssertionError(f"node {node!r} started {len(found)} runs, not 1")
        return found[0]

    def events_of(self, type: str, node: str | None = None, **data: Any) -> list[HistoryEvent]:
        """The events of this type, of this node if one is named, whose data hold these values."""
        return [
            event
            for event in self.events
            if event.type == type
            and node in (None, event.node)
            and all(event.data.get(name, MISSING) == value for name, value in data.items())
        ]

    def event(self, type: str, node: str | None = None, **data: Any) -> HistoryEvent:
        """The one event that `events_of` finds. Raises AssertionError if there is none or more."""
        found = self.events_of(type, node, **data)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} such events, not 1, in\n{self._told()}")
        return found[0]

    def assert_events(self, *wanted: str) -> None:
        """These happened in this order; others may stand between them. Each is an event type, or
        one and a node: `node.ended score`. Raises AssertionError, saying where it ceased."""
        left = iter(self.events)
        for number, each in enumerate(wanted):
            if not any(each in (event.type, str(event)) for event in left):
                after = f" after {wanted[number - 1]!r}" if number else ""
                raise AssertionError(f"no {each!r}{after} in\n{self._told()}")

    def _told(self) -> str:
        return "\n".join(f"{event.at_ms:>10} ms  {event}" for event in self.events)

    @property
    def ended(self) -> list[str]:
        """Ids of nodes that ran, in the order in which they ended."""
        return [
            event.node or ""
            for event in self.events
            if event.type == "node.ended" and event.data["status"] != "skipped"
        ]
