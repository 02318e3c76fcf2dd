"""Faults of a document, shown where they stand in its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from minuet.model.diagnostic import Diagnostic

from .files import Source
from .places import Places

if TYPE_CHECKING:
    from rich.console import Console

MAX_TEXT = 120
_STYLES = {"error": "red", "warning": "yellow"}


def print_diagnostics(console: Console, source: Source, diagnostics: Sequence[Diagnostic]) -> None:
    """`file:line:column: error: message`, then the line with a mark below the place."""
    places = Places(source.text)
    for diagnostic in diagnostics:
        place = places.of(diagnostic.path)
        where = f"{source.name}:{place.line}:{place.column}" if place else source.name
        style = _STYLES.get(diagnostic.severity, "red")
        console.print(
            f"{escape(where)}: [{style}]{diagnostic.severity}:[/] {escape(diagnostic.message)}"
            f" [bright_black]({escape(diagnostic.path or '/')})[/]"
        )
        if place and place.text.strip():
            start = max(0, place.column - MAX_TEXT // 2)
            number = f"{place.line:>5}"
            console.print(f"{number} | {escape(place.text[start : start + MAX_TEXT])}")
            console.print(f"{' ' * 5} | {' ' * (place.column - 1 - start)}[{style}]^[/]")
