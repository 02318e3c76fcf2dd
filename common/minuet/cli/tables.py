"""Lists as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from .output import console
from .palette import look, look_of_approval
from .times import ago, between, duration

if TYPE_CHECKING:
    from minuet.client.views import ApprovalLine, RunLine, WorkflowLine
    from minuet.views.keys import KeyView

MAX_QUESTION = 160


def print_workflows(lines: Sequence[WorkflowLine]) -> None:
    if not lines:
        console().print("No workflows yet: minuet workflow apply FILE")
        return
    now = datetime.now(UTC)
    table = _table("name", "version", "changed", "digest")
    for line in lines:
        table.add_row(
            escape(line.name), str(line.version), ago(line.updated_at, now), line.digest[:19]
        )
    console().print(table)


def print_runs(lines: Sequence[RunLine], *, is_filtered: bool) -> None:
    if not lines:
        nothing = "No run matches." if is_filtered else "No runs yet: minuet run start NAME"
        console().print(nothing)
        return
    now = datetime.now(UTC)
    table = _table("run", "workflow", "state", "accepted", "duration")
    for line in lines:
        version = "" if line.version is None else f"@{line.version}"
        table.add_row(
            line.id,
            escape(line.workflow + version),
            look(line.status).markup,
            ago(line.accepted_at, now),
            between(line.accepted_at, line.ended_at),
        )
    console().print(table)


def print_keys(lines: Sequence[KeyView]) -> None:
    now = datetime.now(UTC)
    table = _table("key", "kind", "roles", "groups", "made", "revoked")
    for line in lines:
        table.add_row(
            escape(line.id),
            escape(line.kind),
            escape(", ".join(line.roles)),
            escape(", ".join(line.groups)),
            ago(line.created_at, now),
            "" if line.revoked_at is None else ago(line.revoked_at, now),
        )
    console().print(table)


def print_approvals(lines: Sequence[ApprovalLine], *, is_filtered: bool) -> None:
    """Two lines each: questions are long, and ids must stay whole to be copied."""
    out, now = console(), datetime.now(UTC)
    if not lines:
        out.print("No approval matches." if is_filtered else "Nothing needs an answer.")
    for line in lines:
        about = [line.workflow, whom(line), f"asked {ago(line.requested_at, now)}"]
        about += [f"{left} left"] if (left := _time_left(line, now)) else []
        out.print(
            f"{line.id}  {look_of_approval(line.status).markup}"
            f"  [bright_black]{escape(' · '.join(about))}[/]"
        )
        out.print(f"  {escape(_short(line.message))}")


def _time_left(line: ApprovalLine, now: datetime) -> str:
    if line.status != "pending" or line.expires_at is None:
        return ""
    return duration((line.expires_at - now).total_seconds())


def whom(line: ApprovalLine) -> str:
    """Who is asked, or who answered."""
    if line.decided_by:
        return line.decided_by
    return ", ".join([*line.assignees, *(f"@{group}" for group in line.groups)]) or "everybody"


def printable(text: str) -> str:
    """Text from anywhere, without what would steer the terminal."""
    return "".join(char for char in text if char.isprintable() or char == "\n")


def _short(text: str) -> str:
    """The first line, if need be the beginning of it."""
    line = printable(text.strip()).partition("\n")[0]
    return line if len(line) <= MAX_QUESTION else f"{line[: MAX_QUESTION - 1]}…"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
