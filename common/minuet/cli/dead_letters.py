"""`minuet dead-letters`: look at what could not be done, retry it, discard it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .completion import workflow_names
from .exits import Exit
from .options import Json, Limit

if TYPE_CHECKING:
    from minuet.client.views import DeadLetter, SettledList

app = typer.Typer(help="What could not be done and was put aside.", no_args_is_help=True)

DEFAULT_LIMIT = 20

Workflow = Annotated[
    str | None,
    typer.Option("--workflow", "-w", help="Only of this workflow.", autocompletion=workflow_names),
]
OfReason = Annotated[
    str | None, typer.Option("--reason", help="Only with this reason.", show_default=False)
]
Letters = Annotated[
    list[int] | None,
    typer.Argument(metavar="[LETTER]...", help="Ids of letters.", show_default=False),
]
All = Annotated[
    bool, typer.Option("--all", help="All open ones, or those that --workflow and --reason leave.")
]


@app.command("list")
def list_(
    ctx: typer.Context,
    workflow: Workflow = None,
    reason: OfReason = None,
    status: Annotated[
        str, typer.Option("--status", "-s", help="open, retried or discarded.")
    ] = "open",
    limit: Limit = DEFAULT_LIMIT,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    from .connection import connect
    from .output import print_json

    with connect(ctx) as client:
        found = client.dead_letters.list(
            status=status,  # type: ignore[arg-type]  # the suite says which there are
            workflow=workflow, reason=reason, limit=limit,
        )  # fmt: skip
        lines = list(found)
    if as_json:
        return print_json(lines)
    return _print_letters(lines)


@app.command()
def show(
    ctx: typer.Context,
    letter: Annotated[int, typer.Argument(metavar="LETTER", help="The id of a letter.")],
    as_json: Json = False,
) -> None:
    """Show a dead letter with what went wrong."""
    from .connection import connect
    from .output import print_json

    with connect(ctx) as client:
        found = client.dead_letters.show(letter)
    if as_json:
        return print_json(found)
    _print_letters([found])
    return print_json(found.data)


@app.command()
def retry(
    ctx: typer.Context,
    letters: Letters = None,
    every: All = False,
    workflow: Workflow = None,
    reason: OfReason = None,
    as_json: Json = False,
) -> None:
    """Start new runs from the runs of letters. Exit code 6 if any was refused.

    Example: minuet dead-letters retry --all --workflow lead-routing
    """
    from .connection import connect

    _check_choice(letters, every=every, filtered=bool(workflow or reason))
    with connect(ctx) as client:
        found = client.dead_letters.retry_many(letters, workflow=workflow, reason=reason)
    _print_settled(found, as_json=as_json)


@app.command()
def discard(
    ctx: typer.Context,
    letters: Letters = None,
    every: All = False,
    workflow: Workflow = None,
    reason: OfReason = None,
    as_json: Json = False,
) -> None:
    """Let letters be. Exit code 6 if any was refused.

    Example: minuet dead-letters discard 12 13
    """
    from .connection import connect

    _check_choice(letters, every=every, filtered=bool(workflow or reason))
    with connect(ctx) as client:
        found = client.dead_letters.discard_many(letters, workflow=workflow, reason=reason)
    _print_settled(found, as_json=as_json)


def _check_choice(letters: list[int] | None, *, every: bool, filtered: bool) -> None:
    from .failures import Failure

    if bool(letters) == every:
        raise Failure("name letters, or take --all of them")
    if letters and filtered:
        raise Failure("--workflow and --reason go with --all")


def _print_letters(lines: Sequence[DeadLetter]) -> None:
    from rich.markup import escape

    from .output import console
    from .times import ago

    out, now = console(), datetime.now(UTC)
    if not lines:
        out.print("No dead letters.")
    for line in lines:
        about = [line.workflow or "", line.run or "", line.node or "", ago(line.created_at, now)]
        told = escape(" · ".join(each for each in about if each))
        out.print(f"{line.id}  [red]{escape(line.reason)}[/]  [bright_black]{told}[/]")
        if line.settled_by is not None:
            what = f"{line.status} by {line.settled_by}"
            out.print(f"  {escape(what)}{f' as {line.retry_run}' if line.retry_run else ''}")


def _print_settled(found: SettledList, *, as_json: bool) -> None:
    from rich.markup import escape

    from .output import console, print_json

    if as_json:
        print_json(found)
    else:
        out = console()
        for each in found.items:
            out.print(f"{each.id}  {each.status}  {escape(each.run or each.detail or '')}".rstrip())
        if found.more:
            out.print("[bright_black]More are open: repeat the command.[/]")
    if any(each.status == "refused" for each in found.items):
        raise typer.Exit(Exit.CONFLICT)
