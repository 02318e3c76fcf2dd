"""The commands of `minuet`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

import minuet

from . import (
    approvals,
    blockers,
    control,
    dead_letters,
    deleting,
    demo,
    dev_llm,
    keys,
    run,
    up,
    worker,
    workflow,
)

EPILOG = (
    "The suite is found through MINUET_URL and MINUET_API_KEY, or as the local suite whose "
    ".minuet folder lies here or above. Exit codes: 0 done, 1 the run did not succeed, 2 wrong "
    "usage or input, 3 not found, 4 suite not reachable, 5 key refused, 6 conflict, "
    "7 still running, 70 internal error."
)

app = typer.Typer(
    name="minuet",
    help=minuet.__doc__,
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up", context_settings=up.CONTEXT, add_help_option=False)(up.up)
app.command("worker", no_args_is_help=True)(worker.worker)
app.command("demo")(demo.demo)
app.command("dev-llm", context_settings=dev_llm.CONTEXT, add_help_option=False)(dev_llm.dev_llm)
app.add_typer(workflow.app, name="workflow")
run.app.command("pause", no_args_is_help=True)(control.pause)
run.app.command("resume", no_args_is_help=True)(control.resume)
run.app.command("message", no_args_is_help=True)(control.message)
run.app.command("retry", no_args_is_help=True)(control.retry)
run.app.command("delete", no_args_is_help=True)(deleting.delete)
app.add_typer(run.app, name="run")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(keys.app, name="keys")
app.command("blockers", no_args_is_help=True)(blockers.blockers)
app.command("approvals")(approvals.approvals)
app.command("approve", no_args_is_help=True)(approvals.approve)
app.command("reject", no_args_is_help=True)(approvals.reject)


@app.callback()
def root(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Option("--url", help="Address of the suite.", show_default=False)
    ] = None,
) -> None:
    ctx.obj = {"url": url}


@app.command()
def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Print the version of this installation."""
    if as_json:
        from .output import print_json

        print_json({"version": minuet.__version__})
    else:
        typer.echo(f"minuet {minuet.__version__}")
