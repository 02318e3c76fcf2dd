"""`minuet run`: start runs, look at them, cancel them. `control` has more of its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completion import workflow_names
from .exits import Exit
from .options import Json, Limit, RunId

if TYPE_CHECKING:
    from minuet.client import Client
    from minuet.client.views import Accepted, Run

    from .files import Source

app = typer.Typer(help="Start runs, look at them, steer and retry them.", no_args_is_help=True)

DEFAULT_LIMIT = 20
# A run outlives its suite's going away, so whoever waits for it does too.
WAITING_PATIENCE_S = 60.0


@app.command()
def start(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="An applied workflow (NAME or NAME@VERSION), or a document to run as it is.",
            show_default=False,
            autocompletion=workflow_names,
        ),
    ],
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--input", "-i", metavar="KEY=TEXT", help="An input; KEY:=JSON for other than text."
        ),
    ] = None,
    inputs_file: Annotated[
        str | None,
        typer.Option("--inputs", metavar="FILE", help="All inputs as JSON or YAML; - is stdin."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait, and show what happens meanwhile.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            help="Wait at most this many seconds; the run goes on.", min=0, show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key", help="The same key again gives the same run.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a run. With --wait or --follow the exit code is 0 only if it succeeded.

    Example: minuet run start lead-routing --input company=northwind --follow

    Example: echo '{"company": "northwind"}' | minuet run start workflow.yaml --inputs - --wait
    """
    from .connection import connect
    from .files import looks_like_file, read_inputs, read_source

    document = read_source(what) if looks_like_file(what) else None
    inputs = read_inputs(values or [], inputs_file)
    with connect(ctx) as client:
        accepted = _start(client, what, document, inputs, key)
        if follow:
            return _follow(client, accepted.id, timeout, as_json=as_json)
    if wait:
        with connect(ctx, patience_s=WAITING_PATIENCE_S) as client:
            return _wait(client, accepted.id, timeout, as_json=as_json)
    return print_accepted(accepted, as_json=as_json)


def _start(
    client: Client, what: str, document: Source | None, inputs: dict[str, Any], key: str | None
) -> Accepted:
    from minuet.model.errors import InvalidDocument

    if document is None:
        return client.runs.start(what, inputs, idempotency_key=key)
    try:
        return client.runs.start(document=document.value, inputs=inputs, idempotency_key=key)
    except InvalidDocument as error:
        from .diagnostics import print_diagnostics
        from .failures import Failure
        from .output import error_console

        print_diagnostics(error_console(), document, error.diagnostics)
        raise Failure(f"{document.name} does not compile") from error


def print_accepted(accepted: Accepted, *, as_json: bool) -> None:
    from .output import console, print_json

    if as_json:
        return print_json(accepted)
    console().print(f"started {accepted.id}")
    console().print(f"[bright_black]  minuet run follow {accepted.id}[/]")
    return None


def _wait(client: Client, run_id: str, timeout: float | None, *, as_json: bool) -> None:
    from .output import print_json
    from .show import print_ended

    try:
        run = client.runs.wait(run_id, timeout)
    except TimeoutError as error:
        raise _still_running(run_id, str(error)) from error
    except KeyboardInterrupt:
        _say_goes_on(run_id)
        raise
    if as_json:
        print_json(run)
    else:
        print_ended(client, run)
    _exit_by(run)


def _follow(client: Client, run_id: str, timeout: float | None, *, as_json: bool) -> None:
    from .follow import follow_run
    from .show import print_ended
    from .sinks import sink_for

    try:
        run = follow_run(client, run_id, sink_for(as_json=as_json), timeout_s=timeout)
    except TimeoutError as error:
        raise _still_running(run_id, str(error)) from error
    except KeyboardInterrupt:
        _say_goes_on(run_id)
        raise
    if not as_json:
        print_ended(client, run)
    _exit_by(run)


def _still_running(run_id: str, message: str) -> Exception:
    from .failures import Failure

    return Failure(
        message, hint=f"it goes on: minuet run follow {run_id}", exit_code=Exit.STILL_RUNNING
    )


def _say_goes_on(run_id: str) -> None:
    from .output import error_console

    error_console().print(f"The run goes on: minuet run follow {run_id}")


def _exit_by(run: Run) -> None:
    if run.status != "succeeded":
        raise typer.Exit(Exit.RUN_FAILED)


@app.command()
def follow(
    ctx: typer.Context,
    run_id: RunId,
    timeout: Annotated[
        float | None,
        typer.Option(help="Follow at most this many seconds.", min=0, show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what happens in a run until it has ended; exit code 0 only if it succeeded.

    With --json one line a piece of news, the last one with the whole run.
    """
    from .connection import connect

    with connect(ctx) as client:
        _follow(client, run_id, timeout, as_json=as_json)


@app.command("list")
def list_(
    ctx: typer.Context,
    status: Annotated[
        list[str] | None, typer.Option("--status", "-s", help="Only runs in this state.")
    ] = None,
    workflow: Annotated[
        str | None,
        typer.Option(
            "--workflow", "-w", help="Only runs of this workflow.", autocompletion=workflow_names
        ),
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    as_json: Json = False,
) -> None:
    """List runs, newest first.

    Example: minuet run list --status failed --status timed_out
    """
    from .connection import connect

    with connect(ctx) as client:
        lines = list(client.runs.list(status=status or [], workflow=workflow, limit=limit))
    if as_json:
        from .output import print_json

        return print_json(lines)
    from .tables import print_runs

    return print_runs(lines, is_filtered=bool(status or workflow))


@app.command()
def show(ctx: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Show a run with its nodes, outputs and error."""
    from .connection import connect

    with connect(ctx) as client:
        run = client.runs.show(run_id)
        if as_json:
            from .output import print_json

            return print_json(run)
        from .show import print_run

        print_run(client, run)
        if not run.ended:
            from .blockers import print_blockers

            print_blockers(client.runs.blockers(run_id))
        return None


@app.command()
def events(
    ctx: typer.Context,
    run_id: RunId,
    after: Annotated[int, typer.Option(min=0, help="Only events above this id.")] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the recorded history of a run, oldest first; with --json one event a line."""
    from .connection import connect
    from .output import print_json_line

    with connect(ctx) as client:
        history = client.runs.events(run_id, after, follow=follow)
        if as_json:
            for event in history:
                print_json_line(event)
            return
        from .lines import event_markup
        from .output import console

        out = console()
        for event in history:
            out.print(event_markup(event))


@app.command()
def cancel(
    ctx: typer.Context,
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="Kept in the history.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Cancel a run. Exit code 6 if it had ended before."""
    from .connection import connect

    with connect(ctx) as client:
        command = client.runs.cancel(run_id, reason)
    from .output import console, print_json

    if as_json:
        return print_json(command)
    from .palette import look

    console().print(f"{look(command.status).markup} {run_id}")
    if command.state == "accepted":
        console().print("  The cancel is accepted; it is not recorded yet.")
    return None
