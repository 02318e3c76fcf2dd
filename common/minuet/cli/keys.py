"""`minuet keys`: whom a suite lets in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .options import Json, Limit

app = typer.Typer(help="Make, list and revoke API keys; for administrators.", no_args_is_help=True)

DEFAULT_LIMIT = 50

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The id of a key.", show_default=False)]


class Kind(StrEnum):
    PERSON = "person"
    SERVICE = "service"
    AGENT = "agent"


@app.command()
def create(
    ctx: typer.Context,
    id: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="Its id: whom approvals and histories name.", show_default=False
        ),
    ],
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="Who uses it.")] = Kind.SERVICE,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", "-g", help="A group that approvals may ask; repeatable."),
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="May answer every approval and make keys.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, which nobody can show again.

    The id of a revoked key may be used again. Exit code 6 if the id is taken.

    Example: minuet keys create anna --kind person --group finance
    """
    from .connection import connect
    from .output import print_json

    with connect(ctx) as client:
        made = client.keys.make(id, kind=kind.value, admin=admin, groups=group or [])
    if as_json:
        print_json(made)
    else:
        typer.echo(made.secret)


@app.command("list")
def list_keys(ctx: typer.Context, limit: Limit = DEFAULT_LIMIT, as_json: Json = False) -> None:
    """List keys by id, without secrets; revoked ones too."""
    from .connection import connect
    from .output import print_json
    from .tables import print_keys

    with connect(ctx) as client:
        lines = list(client.keys.list(limit))
    if as_json:
        print_json(lines)
    else:
        print_keys(lines)


@app.command()
def revoke(ctx: typer.Context, id: KeyId, as_json: Json = False) -> None:
    """Revoke a key: within ten seconds nobody gets in with it. Harmless when repeated.

    Exit code 6 for the key in use.
    """
    from rich.markup import escape

    from .connection import connect
    from .output import console, print_json

    with connect(ctx) as client:
        revoked = client.keys.revoke(id)
    if as_json:
        print_json(revoked)
    else:
        console().print(f"Revoked {escape(revoked.id)}")
