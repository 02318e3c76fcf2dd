"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from .completion import approval_ids, run_ids

Json = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="The id of a run.", show_default=False, autocompletion=run_ids
    ),
]
ApprovalId = Annotated[
    str,
    typer.Argument(
        metavar="APPROVAL",
        help="The id of an approval.",
        show_default=False,
        autocompletion=approval_ids,
    ),
]
