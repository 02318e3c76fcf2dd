"""What goes to stdout and stderr: for people, or as JSON for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from .failures import Report, to_json

if TYPE_CHECKING:
    from rich.console import Console


def print_json(value: Any) -> None:
    """One JSON document, indented. The fields of every command are documented in docs/cli.md."""
    _write(msgspec.json.format(msgspec.json.encode(value), indent=2))


def print_json_line(value: Any) -> None:
    _write(msgspec.json.encode(value))


def print_report(report: Report, *, as_json: bool) -> None:
    """One line and how to mend it, on stderr."""
    if as_json:
        print(msgspec.json.encode(to_json(report)).decode(), file=sys.stderr)
        return
    from rich.markup import escape

    console = error_console()
    console.print(f"[red]minuet:[/] {escape(report.message)}")
    for diagnostic in report.diagnostics:
        console.print(f"  {escape(diagnostic.path or '/')}: {escape(diagnostic.message)}")
    if report.hint:
        console.print(f"  {escape(report.hint)}")


def console() -> Console:
    """For stdout. Colour and shapes only where a terminal is; long lines are left whole."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, emoji=False)


def error_console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def _write(data: bytes) -> None:
    sys.stdout.write(data.decode() + "\n")
    sys.stdout.flush()
