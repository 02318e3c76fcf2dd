"""`minuet run delete`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .options import Json, RunId


def delete(
    ctx: typer.Context,
    run_id: RunId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a run that has ended, for good. Exit code 6 if it goes on.

    With it go its child runs, history, logs, approvals, patches and dead letters, and the outputs
    that nothing else names.

    Example: minuet run delete 3-01k8vz4m0q7s2x9c5d6f7g8h9j --yes
    """
    from .connection import connect
    from .output import console, print_json

    with connect(ctx) as client:
        if not yes:
            run = client.runs.show(run_id)
            _ask(f"Delete run {run_id} of {run.workflow} ({run.status}) for good?")
        client.runs.delete(run_id)
    if as_json:
        return print_json({"id": run_id, "deleted": True})
    return console().print(f"deleted {run_id}")


def _ask(question: str) -> None:
    """Raises Failure where nobody can answer, Abort for a no."""
    from .failures import Failure

    if not sys.stdin.isatty():
        raise Failure("nobody can be asked here", hint="--yes deletes without asking")
    typer.confirm(question, abort=True, err=True)
