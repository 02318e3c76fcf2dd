"""Runs, nodes and events as the API and the sockets show them. Every instant is aware, and RFC 3339
in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class NodeView(msgspec.Struct, omit_defaults=True):
    """One node of a run. An output above 4 KiB is not here: `output_ref` names its blob, or
    `output_omitted` says that `GET /runs/{id}/nodes/{node}` has it. `reused`: the result was taken
    over from the run `retry_of`."""

    id: str
    type: str
    status: str
    gen: int = 0
    attempt: int = 0
    iteration: int = 0
    port: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    worker: str | None = None
    skipped: bool = False
    reused: bool = False
    output: Any = None
    output_ref: dict[str, Any] | None = None
    output_omitted: bool = False
    error: dict[str, Any] | None = None


class ConcurrencyView(msgspec.Struct, frozen=True):
    """How a live run stands with its concurrency key. While it waits, `place` is 1 for the next in
    line and `holders` are the runs that hold the key (at most ten); once `granted_at` is set,
    `place` is 0."""

    key: str
    limit: int
    granted_at: datetime | None
    place: int
    holders: list[str]


class RunView(msgspec.Struct, frozen=True):
    """A run as far as it is recorded: `seq` is its last event. At most 200 nodes are listed."""

    id: str
    workflow: str
    version: int | None
    status: str
    seq: int
    counter: int
    inputs: Any
    inputs_ref: dict[str, Any] | None
    outputs: Any
    outputs_ref: dict[str, Any] | None
    error: dict[str, Any] | None
    labels: dict[str, str]
    principal: str
    idempotency_key: str | None
    retry_of: str | None
    patches: int
    document_digest: str
    accepted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    nodes: list[NodeView]
    nodes_next_cursor: str | None
    priority: int = 5
    concurrency: ConcurrencyView | None = None
    parent: dict[str, Any] | None = None


class RunLineView(msgspec.Struct, frozen=True):
    id: str
    workflow: str
    version: int | None
    status: str
    counter: int
    labels: dict[str, str]
    accepted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class EventView(msgspec.Struct, omit_defaults=True):
    """One event of the history; `id` counts 1, 2, 3 ... within the run."""

    id: int
    run: str
    type: str
    time: datetime
    node: str | None = None
    gen: int | None = None
    data: dict[str, Any] = {}
    v: int = msgspec.field(default_factory=lambda: 1)


class Accepted(msgspec.Struct, frozen=True):
    """The run stands in Postgres: it will end, whatever happens to single processes."""

    id: str
    status: str


class CommandView(msgspec.Struct, frozen=True):
    """`state` is `accepted` until a recorded transition confirms the command (`recorded`) or
    refuses it (`refused`, with the `reason`), or `overtaken` if the run ended before it was
    applied. `status` is that of the run."""

    run: str
    number: int
    name: str
    principal: str
    created_at: datetime
    state: str
    status: str
    reason: str | None = None


class RunPage(msgspec.Struct, frozen=True):
    items: list[RunLineView]
    next_cursor: str | None = None


class EventPage(msgspec.Struct, frozen=True):
    """`after` is what to ask for next. `ended`: the run has ended and no event is to follow."""

    items: list[EventView]
    after: int
    ended: bool


class LogView(msgspec.Struct, frozen=True):
    id: int
    node: str
    gen: int
    attempt: int
    time: datetime
    level: str
    message: str
    fields: dict[str, Any]


class LogPage(msgspec.Struct, frozen=True):
    items: list[LogView]
    next_cursor: str | None = None


class LiveItem(msgspec.Struct, frozen=True):
    """`node.started` {worker}, `node.log` {level, message, fields}, or the latest `node.progress`
    {fraction, message} of an execution; best effort."""

    type: str
    node: str
    gen: int
    attempt: int
    time: datetime
    data: dict[str, Any]


class LivePage(msgspec.Struct, frozen=True):
    """`after` is what to ask for next; it is never empty."""

    items: list[LiveItem]
    after: str
