"""`minuet up`: becomes the supervisor of a local suite."""

from __future__ import annotations

import os
import sys

import typer

# Options are the supervisor's own; it also answers --help.
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def up(ctx: typer.Context) -> None:
    """Start a whole suite here and watch over it until Ctrl-C.

    Options: --data-dir (default .minuet), --host, --port. See `minuet up --help`.
    """
    command = [sys.executable, "-m", "minuet.services.up", *ctx.args]
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - signals must reach the supervisor itself
