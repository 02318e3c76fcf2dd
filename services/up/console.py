"""What a person sees: progress while the suite starts, then only what needs a look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import minuet


class Reporter:
    """Plain lines where nobody watches a terminal. Errors go to stderr, all else to stdout."""

    def __init__(self) -> None:
        self._is_gone = False
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def opening(self, data_dir: Path) -> None:
        self._print(f"[bold]Minuet {minuet.__version__}[/]  data in {escape(str(data_dir))}")

    @contextmanager
    def step(self, doing: str, done: str) -> Iterator[None]:
        """Show `doing` while the body runs, `done` with its duration after it."""
        started_at = time.monotonic()
        with self._out.status(escape(doing)):
            yield
        seconds = time.monotonic() - started_at
        self._print(f"  [green]✓[/] {escape(done)} [dim]{seconds:.1f} s[/]")

    def ready(self, url: str, api_key: str, data_dir: Path) -> None:
        self._print("")
        self._print(f"[bold green]Ready[/]  {escape(url)}")
        self._print(f"  API key  {escape(api_key)}")
        self._print(f"  Browser  {escape(url)}/#key={escape(api_key)}")
        self._print(f"  Logs     {escape(str(data_dir / 'logs'))}")
        self._print("  Ctrl-C stops the suite; its data is kept.")

    def change(self, name: str, what: str) -> None:
        self._print(f"  [yellow]![/] {escape(name)} {escape(what)}")

    def log(self, name: str, text: str) -> None:
        self._print(f"  [dim]{escape(name)}[/] {escape(text)}")

    def stopping(self) -> None:
        self._print("Stopping ...")

    def stopped(self) -> None:
        self._print("Stopped. Everything accepted is kept.")

    def fault(self, line: str) -> None:
        self._err.print(f"[red]minuet up:[/] {escape(line)}")

    def _print(self, markup: str) -> None:
        """A terminal that has gone away must not keep the suite from stopping cleanly."""
        if self._is_gone:
            return
        try:
            self._out.print(markup)
            self._out.file.flush()
        except OSError:
            self._is_gone = True
