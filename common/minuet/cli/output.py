"""What goes to stdout and stderr: for people, or as JSON for programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from .exits import Exit
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

    class Output(Console):
        def on_broken_pipe(self) -> None:
            _leave()

    return Output(highlight=False, soft_wrap=True, emoji=False)


def error_console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def _write(data: bytes) -> None:
    try:
        sys.stdout.write(data.decode() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _leave()


def _leave() -> NoReturn:
    """The reader has seen enough (`| head`): no failure, and nothing more to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(Exit.DONE)
