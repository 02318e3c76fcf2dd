"""`minuet workflow`: documents and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from minuet.model.errors import InvalidDocument

from .completion import workflow_names
from .exits import Exit
from .options import Json, Limit

if TYPE_CHECKING:
    from minuet.client import Client

    from .files import Source

app = typer.Typer(help="Apply, list, show and validate workflow documents.", no_args_is_help=True)

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="YAML or JSON; - is stdin.", show_default=False),
]
DEFAULT_LIMIT = 50


@app.command()
def apply(ctx: typer.Context, files: Files, as_json: Json = False) -> None:
    """Make each document the latest version of the workflow that it names.

    A document that is the latest version already changes nothing.

    Example: minuet workflow apply workflow.yaml
    """
    from .connection import connect
    from .files import read_source

    sources = [read_source(file) for file in files]
    with connect(ctx) as client:
        results = [_apply(client, source, as_json=as_json) for source in sources]
    if as_json:
        from .output import print_json

        print_json(results)
    if not all(result["valid"] for result in results):
        raise typer.Exit(Exit.USAGE)


def _apply(client: Client, source: Source, *, as_json: bool) -> dict[str, Any]:
    try:
        applied = client.workflows.apply(source.value)
    except InvalidDocument as error:
        if not as_json:
            _print_faults(source, error.diagnostics)
        return {"file": source.name, "valid": False, "diagnostics": error.diagnostics}
    if not as_json:
        from rich.markup import escape

        from .output import console

        word = "applied" if applied.created else "unchanged"
        console().print(
            f"[green]✓[/] {escape(applied.name)} version {applied.version} {word}"
            f" [bright_black]({escape(source.name)})[/]"
        )
        _print_faults(source, applied.diagnostics)
    return {
        "file": source.name,
        "valid": True,
        "name": applied.name,
        "version": applied.version,
        "digest": applied.digest,
        "created": applied.created,
        "diagnostics": applied.diagnostics,
    }


@app.command()
def validate(ctx: typer.Context, files: Files, as_json: Json = False) -> None:
    """Compile documents without storing them; show each fault where it stands.

    The suite is asked, because it knows which node types there are.

    Example: minuet workflow validate workflow.yaml
    """
    from .connection import connect
    from .files import read_source

    sources = [read_source(file) for file in files]
    with connect(ctx) as client:
        verdicts = [client.workflows.validate(source.value) for source in sources]
    if as_json:
        from .output import print_json

        print_json(
            [
                {"file": source.name, "valid": verdict.valid, "diagnostics": verdict.diagnostics}
                for source, verdict in zip(sources, verdicts, strict=True)
            ]
        )
    else:
        for source, verdict in zip(sources, verdicts, strict=True):
            _print_verdict(source, verdict.valid)
            _print_faults(source, verdict.diagnostics)
    if not all(verdict.valid for verdict in verdicts):
        raise typer.Exit(Exit.USAGE)


@app.command("list")
def list_(ctx: typer.Context, as_json: Json = False, limit: Limit = DEFAULT_LIMIT) -> None:
    """List workflows, last changed first."""
    from .connection import connect

    with connect(ctx) as client:
        lines = list(client.workflows.list(limit))
    if as_json:
        from .output import print_json

        return print_json(lines)
    from .tables import print_workflows

    return print_workflows(lines)


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@VERSION]",
            help="A workflow.",
            show_default=False,
            autocompletion=workflow_names,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show the document of a workflow as YAML, by default of its latest version.

    Example: minuet workflow show lead-routing@2 > workflow.yaml
    """
    from .connection import connect

    base, version = _split(name)
    with connect(ctx) as client:
        shown = client.workflows.show(base, version)
    if as_json:
        from .output import print_json

        return print_json(shown)
    import yaml

    typer.echo(f"# {shown.name} version {shown.version}, {shown.digest}")
    typer.echo(yaml.safe_dump(shown.document, sort_keys=False, allow_unicode=True), nl=False)
    return None


def _split(name: str) -> tuple[str, int | None]:
    base, _, tag = name.partition("@")
    if tag in ("", "latest"):
        return base, None
    if not tag.isdigit():
        raise typer.BadParameter(f"{tag!r} is no version: write {base}@1 or {base}@latest")
    return base, int(tag)


def _print_verdict(source: Source, valid: bool) -> None:
    from rich.markup import escape

    from .output import console

    if valid:
        console().print(f"[green]✓[/] {escape(source.name)} is valid")


def _print_faults(source: Source, diagnostics: list[Any]) -> None:
    from .diagnostics import print_diagnostics
    from .output import error_console

    print_diagnostics(error_console(), source, diagnostics)
