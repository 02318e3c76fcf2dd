"""What a test looks at once its run has come to rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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


@dataclass(slots=True)
class NodeRun:
    """A node as it stands at the end. `attempts` counts those of the last execution, `calls` lists
    every call of it. Times are virtual ms since the start of the run."""

    id: str
    type: str
    status: str = "pending"
    port: str | None = None
    output: Any = None
    error: dict[str, Any] | None = None
    attempts: int = 0
    calls: list[Attempt] = field(default_factory=list)
    started_ms: int | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """`status` is succeeded, failed, cancelled or timed_out, or `waiting` if the run waits for
    something that no timer ends. Times are virtual."""

    id: str
    status: str
    outputs: Any
    error: dict[str, Any] | None
    duration_ms: int
    events: list[HistoryEvent]
    logs: list[LogLine]
    nodes: dict[str, NodeRun]

    def node(self, name: str) -> NodeRun:
        """Raises KeyError, naming the nodes that there are."""
        try:
            return self.nodes[name]
        except KeyError:
            raise KeyError(f"no node {name!r}; there are {', '.join(self.nodes)}") from None

    @property
    def ended(self) -> list[str]:
        """Ids of nodes that ran, in the order in which they ended."""
        return [
            event.node or ""
            for event in self.events
            if event.type == "node.ended" and event.data["status"] != "skipped"
        ]
