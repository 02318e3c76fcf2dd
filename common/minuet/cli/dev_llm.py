"""`minuet dev-llm`: becomes the scripted stand-in for a language model."""

from __future__ import annotations

import os
import sys

import typer

# Options are the server's own; it also answers --help.
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def dev_llm(ctx: typer.Context) -> None:
    """Play scripted conversations as an OpenAI-compatible server: no model, nothing generated.

    Takes script files, --host, --port (default 8099) and --ledger. See `minuet dev-llm --help`.
    """
    command = [sys.executable, "-m", "minuet.services.dev_llm", *ctx.args]
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - signals must reach the server itself
