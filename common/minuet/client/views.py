"""What the API says, as structs. Fields that a newer suite adds are passed over.

Instants are aware datetimes; those within the data of events are RFC 3339, as they came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from minuet.ir.diff_summary import DiffSummary
from minuet.model.diagnostic import Diagnostic

ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "timed_out"})


class Applied(msgspec.Struct, frozen=True):
    """`created` says whether this document is a new version (otherwise it was one already)."""

    name: str
    version: int
    digest: str
    diagnostics: list[Diagnostic] = []
    created: bool = True


class Verdict(msgspec.Struct, frozen=True):
    valid: bool
    diagnostics: list[Diagnostic]


class WorkflowLine(msgspec.Struct, frozen=True):
    """`version` is the latest one."""

    name: str
    version: int
    digest: str
    created_at: datetime
    updated_at: datetime


class WorkflowPage(msgspec.Struct, frozen=True):
    items: list[WorkflowLine]
    next_cursor: str | None = None


class VersionLine(msgspec.Struct, frozen=True):
    name: str
    version: int
    digest: str
    created_at: datetime
    principal: str


class VersionPage(msgspec.Struct, frozen=True):
    items: list[VersionLine]
    next_cursor: str | None = None


class Version(msgspec.Struct, frozen=True):
    """One version with its document; `etag` is what `replace` and `delete` take as `if_match`."""

    name: str
    version: int
    digest: str
    created_at: datetime
    principal: str
    document: dict[str, Any]
    etag: str = ""


class Accepted(msgspec.Struct, frozen=True):
    id: str
    status: str


class Command(msgspec.Struct, frozen=True):
    """`state` is accepted, recorded or overtaken; `status` is that of the run."""

    run: str
    number: int
    name: str
    principal: str
    created_at: datetime
    state: str
    status: str


class Node(msgspec.Struct):
    """One node of a run. A large output is not here: see `output_ref` and `output_omitted`."""

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
    output: Any = None
    output_ref: dict[str, Any] | None = None
    output_omitted: bool = False
    error: dict[str, Any] | None = None


class NodePage(msgspec.Struct, frozen=True):
    """Nodes as of event `seq`, in topological order."""

    items: list[Node]
    seq: int
    next_cursor: str | None = None


class Run(msgspec.Struct, frozen=True):
    """A run as far as it is recorded: `seq` is its last event. At most 200 nodes are listed."""

    id: str
    workflow: str
    version: int | None
    status: str
    seq: int
    counter: int
    principal: str
    accepted_at: datetime
    nodes: list[Node]
    inputs: Any = None
    inputs_ref: dict[str, Any] | None = None
    outputs: Any = None
    outputs_ref: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    labels: dict[str, str] = {}
    idempotency_key: str | None = None
    retry_of: str | None = None
    patches: int = 0
    document_digest: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    nodes_next_cursor: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class RunLine(msgspec.Struct, frozen=True):
    id: str
    workflow: str
    version: int | None
    status: str
    counter: int
    labels: dict[str, str]
    accepted_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RunPage(msgspec.Struct, frozen=True):
    items: list[RunLine]
    next_cursor: str | None = None


class RunEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of the history; `id` counts 1, 2, 3 ... within the run."""

    id: int
    run: str
    type: str
    time: datetime
    node: str | None = None
    gen: int | None = None
    data: dict[str, Any] = {}
    v: int = msgspec.field(default_factory=lambda: 1)


class EventPage(msgspec.Struct, frozen=True):
    """`after` is what to ask for next. `ended`: the run has ended and no event is to follow."""

    items: list[RunEvent]
    after: int
    ended: bool


class LogLine(msgspec.Struct, frozen=True):
    id: int
    node: str
    gen: int
    attempt: int
    time: datetime
    level: str
    message: str
    fields: dict[str, Any]


class LogPage(msgspec.Struct, frozen=True):
    items: list[LogLine]
    next_cursor: str | None = None


class LiveItem(msgspec.Struct, frozen=True):
    """What a worker tells while it works (`node.started`, `node.progress`, `node.log`); may be
    lost."""

    type: str
    node: str
    gen: int
    attempt: int
    time: datetime
    data: dict[str, Any]


class LivePage(msgspec.Struct, frozen=True):
    """`after` is what to ask for next."""

    items: list[LiveItem]
    after: str


class NodeType(msgspec.Struct, frozen=True):
    """`ports` is None where the config decides. `workers` counts those alive that serve it."""

    name: str
    title: str
    description: str
    effect: str
    inline: bool
    builtin: bool
    ports: list[str] | None
    timeout_ms: int
    workers: int
    config_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None


class NodeTypeList(msgspec.Struct, frozen=True):
    items: list[NodeType]


class Worker(msgspec.Struct, frozen=True):
    id: str
    kind: str
    types: list[str]
    slots: int
    busy: int
    host: str
    pid: int
    started_at: datetime


class WorkerList(msgspec.Struct, frozen=True):
    items: list[Worker]


class Info(msgspec.Struct, frozen=True):
    """`principal` is whom the API key stands for."""

    version: str
    api: str
    partitions: int
    tenant: str
    principal: str
    roles: list[str]
    compiled_router: bool
    limits: dict[str, int]
    socket_url: str = ""


class ApprovalLine(msgspec.Struct, frozen=True):
    """A question without its payloads. `status` is pending, approved, rejected, expired or
    cancelled; `may_decide` says whether the key in use may answer."""

    id: str
    run: str
    node: str
    workflow: str
    message: str
    assignees: list[str]
    groups: list[str]
    status: str
    requested_at: datetime
    expires_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    may_decide: bool = False


class ApprovalPage(msgspec.Struct, frozen=True):
    items: list[ApprovalLine]
    next_cursor: str | None = None


class Approval(ApprovalLine, frozen=True, kw_only=True):
    """`payload` is the proposal, `form` the JSON Schema that an approved payload must fit,
    `decided_payload` what was decided on."""

    gen: int
    payload: Any = None
    form: dict[str, Any] | None = None
    comment: str | None = None
    decided_payload: Any = None


class Patch(msgspec.Struct, frozen=True):
    """One attempt to change a run's document. `status` is accepted, applied or refused; `detail`
    tells why it was refused; `changes` says what it changes."""

    patch: str
    run: str
    status: str
    by: str
    by_agent: bool
    changes: DiffSummary
    operations: list[Any]
    number: int | None = None
    note: str | None = None
    reason: str | None = None
    detail: list[str] = []
    created_at: datetime | None = None
    decided_at: datetime | None = None
    seq: int | None = None


class PatchPage(msgspec.Struct, frozen=True):
    items: list[Patch]
    next_cursor: str | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """What could not be done and was put aside with its cause."""

    id: int
    run: str | None
    node: str | None
    kind: str
    data: Any
    created_at: datetime


class DeadLetterPage(msgspec.Struct, frozen=True):
    items: list[DeadLetter]
    next_cursor: str | None = None
