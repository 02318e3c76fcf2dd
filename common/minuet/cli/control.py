"""`minuet run pause`, `resume`, `message` and `retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exits import Exit
from .options import Json, RunId

if TYPE_CHECKING:
    from minuet.client import Client
    from minuet.client.views import Command, Retry

Reason = Annotated[str, typer.Option(help="Kept in the history.", show_default=False)]


def pause(ctx: typer.Context, run_id: RunId, reason: Reason = "", as_json: Json = False) -> None:
    """Dispatch nothing more of a run; what is under way goes on. Exit code 6 if it is paused."""
    from .connection import connect

    with connect(ctx) as client:
        command = client.runs.pause(run_id, reason)
    _print_command(command, as_json=as_json)


def resume(ctx: typer.Context, run_id: RunId, reason: Reason = "", as_json: Json = False) -> None:
    """Let a paused run go on. Exit code 6 if it is not paused."""
    from .connection import connect

    with connect(ctx) as client:
        command = client.runs.resume(run_id, reason)
    _print_command(command, as_json=as_json)


def message(
    ctx: typer.Context,
    run_id: RunId,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What a node waits for.", show_default=False)
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", "-d", metavar="KEY=TEXT|FILE",
            help="A field (KEY:=JSON for other than text), or a file with all of it; - is stdin.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Send a message to a run. One that nothing waits for yet is kept.

    Example: minuet run message 3-01k8vz4m0q7s2x9c5d6f7g8h9j payment_received --data amount:=120
    """
    from .connection import connect
    from .files import read_fields

    with connect(ctx) as client:
        command = client.runs.message(run_id, name, read_fields(data, "--data") if data else None)
    _print_command(command, as_json=as_json)


def retry(
    ctx: typer.Context,
    run_id: RunId,
    from_node: Annotated[
        str | None,
        typer.Option("--from", metavar="NODE", help="Run this node and all after it again.",
                     show_default=False),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--input", "-i", metavar="KEY=TEXT",
            help="Another value for an input; KEY:=JSON for other than text.",
        ),
    ] = None,
    inputs_file: Annotated[
        str | None,
        typer.Option("--inputs", metavar="FILE", help="All inputs anew; - is stdin."),
    ] = None,
    patch: Annotated[
        str | None,
        typer.Option("--patch", metavar="FILE", help="JSON Patch on the document of the run."),
    ] = None,
    document: Annotated[
        str | None, typer.Option("--document", metavar="FILE", help="Another document.")
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="All over, on the newest version of the workflow.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would run again, and start nothing.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Start a new run from an ended one: from what failed, unless told otherwise.

    Example: minuet run retry 3-01k8vz4m0q7s2x9c5d6f7g8h9j --from score --dry-run
    """
    from .connection import connect
    from .files import read_source
    from .output import print_json

    wish: dict[str, Any] = {
        "from_node": from_node,
        "patch": None if patch is None else read_source(patch).value,
        "document": None if document is None else read_source(document).value,
        "newest": newest,
    }
    with connect(ctx) as client:
        wish["inputs"] = _inputs(client, run_id, values or [], inputs_file)
        if dry_run:
            found = client.runs.preview_retry(run_id, **wish)
            return print_json(found) if as_json else _print_preview(found)
        accepted = client.runs.retry(run_id, **wish)
    from .run import print_accepted

    return print_accepted(accepted, as_json=as_json)


def _inputs(
    client: Client, run_id: str, values: list[str], file: str | None
) -> dict[str, Any] | None:
    """None if they stay as they were; single values change those of the run."""
    from .files import read_inputs

    if not values and file is None:
        return None
    given = read_inputs(values, file)
    if file is not None:
        return given
    run = client.runs.show(run_id)
    before = run.inputs if run.inputs_ref is None else client.resolve(run.inputs_ref)
    return {**before, **given}


def _print_command(command: Command, *, as_json: bool) -> None:
    """Exit code 7 if it is not recorded yet whether the command counts."""
    from .output import console, print_json
    from .palette import look

    if as_json:
        print_json(command)
    else:
        console().print(f"{look(command.status).markup} {command.run}")
    if command.state == "accepted":
        if not as_json:
            console().print(f"  The {command.name} is accepted; it is not recorded yet.")
        raise typer.Exit(Exit.STILL_RUNNING)


def _print_preview(found: Retry) -> None:
    from rich.markup import escape

    from .output import console
    from .times import duration

    out = console()
    out.print(f"{len(found.reused)} reused: {escape(', '.join(found.reused)) or 'nothing'}")
    out.print(f"{len(found.again)} decided anew:")
    for each in found.again:
        why = f"follows {each.after}" if each.reason == "after" else each.reason
        notes = [why.replace("_", " ")]
        if each.last is not None:
            notes.append(f"took {duration(each.last.duration_ms / 1000)}")
        if each.last is not None and each.last.input_tokens is not None:
            notes.append(f"{each.last.input_tokens} + {each.last.output_tokens} tokens")
        out.print(f"  [bold]{escape(each.id)}[/] [bright_black]{escape(' · '.join(notes))}[/]")
        if each.asks_people:
            out.print("    [yellow]people are asked again[/]")
        elif each.outside:
            told = f"{each.type} {each.method}" if each.method else each.type
            out.print(f"    [yellow]touches the outside world: {escape(told)}[/]")
