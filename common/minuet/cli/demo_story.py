"""What `minuet demo` prints before and after the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from .output import console
from .show import print_ended
from .tables import printable

if TYPE_CHECKING:
    from rich.console import Console

    from minuet.client import Client
    from minuet.client.views import Patch, Run
    from minuet.demo.helpers import Helpers
    from minuet.ir.diff_summary import DiffSummary

NOT_REACHED = frozenset({"address_refused", "connection", "model_connection"})


def print_opening(url: str, run_id: str, helpers: Helpers) -> None:
    out = console()
    out.print("A lead is looked up, scored by an agent, and recorded; the agent may add steps.")
    out.print(
        "[yellow]The model is a scripted stand-in (minuet dev-llm): nothing here is generated.[/]"
    )
    out.print(f"[bright_black]  model     {helpers.model_url}[/]")
    out.print(f"[bright_black]  services  {helpers.services_url}[/]")
    out.print(f"[bright_black]  watch it  {url}/runs/{run_id}[/]")


def print_outcome(client: Client, run: Run) -> None:
    """The outcome, and what became of the document on the way."""
    print_ended(client, run)
    out = console()
    if (run.error or {}).get("code") in NOT_REACHED:
        out.print("  The demo needs a suite on this machine that may call 127.0.0.1:")
        out.print("  unset MINUET_NET_ALLOW for `minuet up`, or let it name 127.0.0.0/8.")
    for patch in client.runs.patches(run.id):
        print_patch(out, patch)


def print_patch(out: Console, patch: Patch) -> None:
    who = f"{escape(patch.by)}{' (an agent)' if patch.by_agent else ''}"
    out.print(
        f"[magenta]◆ patch[/] {patch.status}, by {who}: {escape(printable(patch.note or ''))}"
    )
    for line in patch.detail:
        out.print(f"  {escape(printable(line))}")
    for what, names in changes_of(patch.changes):
        out.print(f"  {what:<15} {escape(printable(', '.join(names)))}")


def changes_of(changes: DiffSummary) -> list[tuple[str, list[str]]]:
    """What changed, in words; nothing that did not."""
    found = [
        ("nodes added", changes.nodes_added),
        ("nodes removed", changes.nodes_removed),
        ("nodes changed", changes.nodes_changed),
        ("edges added", [arrow(edge) for edge in changes.edges_added]),
        ("edges removed", [arrow(edge) for edge in changes.edges_removed]),
        ("also changed", changes.fields),
    ]
    return [(what, names) for what, names in found if names]


def arrow(edge: dict[str, Any]) -> str:
    when = f" when {edge['when']}" if edge.get("when") else ""
    return f"{edge.get('from')} → {edge.get('to')}{when}"
