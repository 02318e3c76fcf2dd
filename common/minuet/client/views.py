"""What the API says, as structs. Fields that a newer suite adds are passed over.

Most of them are those of the API itself. Here stand only the ones that say more, or that an older
suite may leave parts of out. Instants are aware datetimes; those within the data of events are
RFC 3339, as they came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from minuet.ir.diff_summary import DiffSummary
from minuet.model.diagnostic import Diagnostic
from minuet.views.approvals import ApprovalLineView as ApprovalLine
from minuet.views.approvals import ApprovalPage
from minuet.views.approvals import ApprovalView as Approval
from minuet.views.blockers import Blocker, BlockerGroup, Blockers
from minuet.views.dead_letters import DeadLetterPage, SettledList
from minuet.views.dead_letters import DeadLetterView as DeadLetter
from minuet.views.dead_letters import SettledView as Settled
from minuet.views.retries import AgainView as Again
from minuet.views.retries import RetryView as Retry
from minuet.views.schemas import (
    Accepted,
    EventPage,
    LiveItem,
    LivePage,
    LogPage,
    NodeView,
    RunPage,
    RunView,
)
from minuet.views.schemas import CommandView as Command
from minuet.views.schemas import EventView as RunEvent
from minuet.views.schemas import LogView as LogLine
from minuet.views.schemas import RunLineView as RunLine
from minuet.views.suite import Info, NodeTypeList, WorkerList
from minuet.views.suite import NodeTypeView as NodeType
from minuet.views.suite import WorkerView as Worker
from minuet.views.workflows import Verdict, VersionLine, VersionPage, WorkflowLine, WorkflowPage

__all__ = [
    "ENDED", "Accepted", "Again", "Applied", "Approval", "ApprovalLine", "ApprovalPage",
    "Blocker", "BlockerGroup", "Blockers", "Command", "DeadLetter", "DeadLetterPage",
    "EventPage", "Info", "LiveItem", "LivePage", "LogLine", "LogPage", "Node", "NodePage",
    "NodeType", "NodeTypeList", "Patch", "PatchPage", "Retry", "Run", "RunEvent", "RunLine",
    "RunPage", "Settled", "SettledList", "Verdict", "Version", "VersionLine", "VersionPage",
    "Worker", "WorkerList", "WorkflowLine", "WorkflowPage",
]  # fmt: skip

ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "timed_out"})


class Applied(msgspec.Struct, frozen=True):
    """`created` says whether this document is a new version (otherwise it was one already)."""

    name: str
    version: int
    digest: str
    diagnostics: list[Diagnostic] = []
    created: bool = True


class Version(VersionLine, frozen=True, kw_only=True):
    """One version with its document; `etag` is what `replace` and `delete` take as `if_match`."""

    document: dict[str, Any]
    etag: str = ""


class Node(NodeView, omit_defaults=False):
    """One node of a run. A large output is not here: see `output_ref` and `output_omitted`."""


class NodePage(msgspec.Struct, frozen=True):
    """Nodes as of event `seq`, in topological order."""

    items: list[Node]
    seq: int
    next_cursor: str | None = None


class Run(RunView, frozen=True, kw_only=True):
    """A run as far as it is recorded: `seq` is its last event. At most 200 nodes are listed."""

    nodes: list[Node]  # type: ignore[assignment]

    @property
    def ended(self) -> bool:
        return self.status in ENDED


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
