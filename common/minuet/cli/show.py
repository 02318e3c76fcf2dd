"""One run for people: what became of it, its nodes, its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from .output import console, print_json
from .palette import look
from .times import between, local

if TYPE_CHECKING:
    from rich.console import Console

    from minuet.client import Client
    from minuet.client.views import Node, Run


def print_ended(client: Client, run: Run) -> None:
    """The outcome in one line, then the outputs as JSON, or what went wrong and where."""
    out = console()
    took = between(run.accepted_at, run.ended_at)
    out.print(f"{look(run.status).markup} {escape(_title(run))} {took}")
    if run.error and run.status != "cancelled":
        _print_error(out, run)
    if run.status == "succeeded":
        _print_value(outputs_of(client, run))
    else:
        out.print(f"[bright_black]  minuet run show {run.id}[/]")


def print_run(client: Client, run: Run) -> None:
    out = console()
    out.print(f"{look(run.status).markup} [bold]{run.id}[/] {escape(_title(run))}")
    started = local(run.accepted_at)
    out.print(f"  accepted {started}  {between(run.accepted_at, run.ended_at)}".rstrip())
    if run.error:
        _print_error(out, run)
    nodes = list(client.runs.nodes(run.id)) if run.nodes_next_cursor else run.nodes
    out.print(_nodes(nodes))
    outputs = outputs_of(client, run)
    if outputs is not None:
        out.print("[bright_black]outputs[/]")
        _print_value(outputs)


def outputs_of(client: Client, run: Run) -> Any:
    """The outputs, fetched where they are too large to be in the run itself."""
    if not run.outputs_ref:
        return run.outputs
    large = {name: client.resolve(ref) for name, ref in run.outputs_ref.items()}
    return {**run.outputs, **large}


def _title(run: Run) -> str:
    return run.workflow if run.version is None else f"{run.workflow}@{run.version}"


def _print_error(out: Console, run: Run) -> None:
    error = run.error or {}
    node = f" at [bold]{escape(str(error['node']))}[/]" if error.get("node") else ""
    message = f": {escape(str(error['message']))}" if error.get("message") else ""
    out.print(f"  [red]{escape(str(error.get('code', 'error')))}[/]{node}{message}")


def _nodes(nodes: list[Node]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    for column in ("  node", "type", "state", "port", "attempt", "time", ""):
        table.add_column(column, no_wrap=True)
    for node in nodes:
        note = (
            "type unknown, passed over" if node.skipped else (node.error or {}).get("message", "")
        )
        table.add_row(
            f"  {escape(node.id)}",
            f"[bright_black]{escape(node.type)}[/]",
            look(node.status).markup,
            escape(node.port or ""),
            str(node.attempt) if node.attempt > 1 else "",
            between(node.started_at, node.ended_at),
            f"[bright_black]{escape(str(note))}[/]",
        )
    return table


def _print_value(value: Any) -> None:
    if value is not None:
        print_json(value)
