"""`minuet demo`: see people, services and an agent work on one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit

if TYPE_CHECKING:
    from minuet.client import Client
    from minuet.client.views import Run
    from minuet.demo.helpers import Helpers

COMPANY = "northwind"


def demo(
    ctx: typer.Context,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Approve what the agent asks without waiting.")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option(
            help="Append one JSON line for each request to the stand-in.", show_default=False
        ),
    ] = None,
) -> None:
    """Run a lead qualification in which an agent adds steps to its own run.

    The suite must run on this machine. The model is a scripted stand-in: nothing is generated.
    Ctrl-C cancels the run and stops what was started for it.
    """
    from minuet.demo.helpers import helpers

    from .connection import connect
    from .run import WAITING_PATIENCE_S

    with connect(ctx, patience_s=WAITING_PATIENCE_S) as client:
        client.info()  # before anything is started: is the suite there, is the key good?
        with helpers(ledger) as found:
            run = _play(client, found, approve=yes, url=(ctx.find_root().obj or {}).get("url"))
    if run.status != "succeeded":
        raise typer.Exit(Exit.RUN_FAILED)


def _play(client: Client, helpers: Helpers, *, approve: bool, url: str | None) -> Run:
    """The run, ended: cancelled if that is asked for by Ctrl-C."""
    from minuet.demo.document import read_workflow

    from .demo_sink import DemoSink
    from .demo_story import print_opening, print_outcome
    from .follow import follow_run

    applied = client.workflows.apply(read_workflow())
    inputs = {
        "company": COMPANY, "services_url": helpers.services_url, "model_url": helpers.model_url,
    }  # fmt: skip
    accepted = client.runs.start(f"{applied.name}@{applied.version}", inputs)
    print_opening(client.url, accepted.id, helpers)
    try:
        run = follow_run(client, accepted.id, DemoSink(client, approve=approve, url=url))
    except BaseException:
        _give_up(client, accepted.id)
        raise
    print_outcome(client, run)
    return run


def _give_up(client: Client, run_id: str) -> None:
    """Its servers are about to stop, so the run could not go on."""
    from minuet.model.errors import Conflict, MinuetError

    from .output import error_console

    try:
        client.runs.cancel(run_id, "minuet demo was stopped")
    except Conflict:
        return  # it has ended meanwhile
    except MinuetError as error:
        error_console().print(f"The run {run_id} could not be cancelled: {error}")
        return
    error_console().print(f"The run is cancelled: {run_id}")
