"""`minuet blockers`: why a run does not move."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

from .options import Json, RunId

if TYPE_CHECKING:
    from minuet.client.views import Blocker, Blockers

SHOWN: Final = 20


def blockers(ctx: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Tell why a run does not move: a reason for each of its live nodes.

    Example: minuet blockers 3-01k8vz4m0q7s2x9c5d6f7g8h9j
    """
    from .connection import connect

    with connect(ctx) as client:
        found = client.runs.blockers(run_id)
    if as_json:
        from .output import print_json

        return print_json(found)
    from .output import console
    from .palette import look

    if not found.live and found.run is None:
        console().print(f"{look(found.status).markup} {run_id}: nothing is in its way.")
    return print_blockers(found)


def print_blockers(found: Blockers) -> None:
    """What is in the way first; groups stand for what is not listed."""
    from rich.markup import escape

    from .output import console

    out, now = console(), datetime.now(UTC)
    if found.run is not None:
        out.print(f"{_mark(found.run)} {escape(_told(found.run, now))}")
    for item in found.items[:SHOWN]:
        out.print(f"{_mark(item)} [bold]{escape(item.node or '')}[/] {escape(_told(item, now))}")
        if item.error:
            out.print(f"    [red]{escape(item.error)}[/]")
        if item.approval:
            out.print(f"    [bright_black]minuet approve {item.approval}[/]")
    if found.live > min(len(found.items), SHOWN):
        counts = (f"{group.count} {group.type} {group.kind}" for group in found.groups)
        out.print(f"  [bright_black]of {found.live}: {escape(', '.join(counts))}[/]")


def _mark(item: Blocker) -> str:
    return "[yellow]■[/]" if item.blocks else "[blue]▸[/]"


def _told(item: Blocker, now: datetime) -> str:
    from .times import ago, duration

    parts = [item.text]
    if item.since is not None:
        parts.append(f"since {ago(item.since, now)}")
    if item.until is not None:
        left = (item.until - now).total_seconds()
        parts.append(f"for {duration(left)} more" if left > 0 else "due now")
    return "  ".join(parts)
