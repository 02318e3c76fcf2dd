"""`minuet worker`: serve node types written in Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def worker(
    modules: Annotated[
        list[str],
        typer.Argument(
            metavar="MODULE...", help="my_module, my_module:registry or a file.", show_default=False
        ),
    ],
    slots: Annotated[
        int | None,
        typer.Option(min=1, help="How many pages of work run at once.", show_default=False),
    ] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when a source file changes.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data directory of the local suite.", show_default=False)
    ] = None,
) -> None:
    """Serve the node types of Python modules beside the suite, until Ctrl-C or SIGTERM.

    Work in hand is finished before the worker ends.

    Example: minuet worker my_nodes.py --reload
    """
    from minuet.client.location import find_data_dir
    from minuet.worker.main import serve

    serve(
        modules,
        slots=slots,
        reload=reload,
        data_dir=data_dir or find_data_dir(os.environ, Path.cwd()),
    )
