"""Three ways to show a run that is followed: a live table, plain lines, JSON lines."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from .lines import log_markup, news_markup
from .output import console, print_json_line
from .palette import look
from .times import between

if TYPE_CHECKING:
    from rich.live import Live

    from minuet.client.views import LiveItem, Run, RunEvent

    from .follow import Sink
    from .progress import Progress, Row

# More rows than a screen has are summed up; what is under way comes first.
MAX_ROWS = 30
REFRESH_HZ = 8
_URGENT = ("failed", "timed_out", "retrying", "running", "waiting", "ready")


def sink_for(*, as_json: bool) -> Sink:
    if as_json:
        return JsonLines()
    return LiveTable() if sys.stdout.isatty() else PlainLines()


class JsonLines:
    """`{"event": ...}` and `{"live": ...}` as they come, `{"run": ...}` at the end."""

    def begin(self, run: Run, progress: Progress) -> None:
        pass

    def event(self, event: RunEvent) -> None:
        print_json_line({"event": event})

    def live(self, item: LiveItem) -> None:
        print_json_line({"live": item})

    def away(self, reason: str) -> None:
        print_json_line({"away": reason})

    def end(self, run: Run | None) -> None:
        if run is not None:
            print_json_line({"run": run})


class PlainLines:
    """A line for each node that ended, waits or is tried again, and for each log."""

    def __init__(self) -> None:
        self._out = console()
        self._progress: Progress | None = None
        self._is_away = False

    def begin(self, run: Run, progress: Progress) -> None:
        self._progress = progress
        self._out.print(f"following {run.id} ({escape(run.workflow)})")

    def event(self, event: RunEvent) -> None:
        assert self._progress is not None
        self._is_away = False
        row = self._progress.rows.get(event.node or "")
        line = news_markup(event, row.started_at if row else None)
        if line is not None:
            self._out.print(line)

    def live(self, item: LiveItem) -> None:
        if item.type == "node.log":
            self._out.print(log_markup(item))

    def away(self, reason: str) -> None:
        if not self._is_away:
            self._out.print(f"[yellow]waiting for the suite:[/] {escape(reason)}")
        self._is_away = True

    def end(self, run: Run | None) -> None:
        pass


class LiveTable:
    """A table of the nodes that redraws itself; logs scroll above it."""

    def __init__(self) -> None:
        self._out = console()
        self._live: Live | None = None
        self._run: Run | None = None
        self._progress: Progress | None = None
        self._away = ""

    def begin(self, run: Run, progress: Progress) -> None:
        from rich.live import Live

        self._run, self._progress = run, progress
        self._live = Live(
            get_renderable=self._render, console=self._out, refresh_per_second=REFRESH_HZ
        )
        self._live.start()

    def event(self, event: RunEvent) -> None:
        self._away = ""
        if event.type == "warning":
            self._above(news_markup(event, None))

    def live(self, item: LiveItem) -> None:
        if item.type == "node.log":
            self._above(log_markup(item))

    def away(self, reason: str) -> None:
        self._away = reason

    def end(self, run: Run | None) -> None:
        if self._live is not None:
            self._live.stop()

    def _above(self, markup: str | None) -> None:
        if markup is not None and self._live is not None:
            self._live.console.print(markup)

    def _render(self) -> Table:
        assert self._progress is not None
        now = datetime.now(UTC)
        table = Table(box=None, pad_edge=False, header_style="bright_black", caption_justify="left")
        for column in ("node", "type", "state", "time", ""):
            table.add_column(column, no_wrap=True)
        rows = list(self._progress.rows.values())
        shown = rows if len(rows) <= MAX_ROWS else most_urgent(rows)
        for row in shown:
            table.add_row(*_cells(row, now))
        table.caption = self._caption(len(rows) - len(shown))
        return table

    def _caption(self, hidden: int) -> str:
        assert self._progress is not None
        counts = self._progress.counts()
        parts = [f"{count} {look(status).word}" for status, count in counts.items()]
        if hidden:
            parts.append(f"{hidden} not shown")
        if self._away:
            parts.append(f"[yellow]waiting for the suite: {escape(self._away)}[/]")
        return " · ".join(parts)


def most_urgent(rows: list[Row]) -> list[Row]:
    """The rows that a person wants to see first, as many as fit, in document order."""

    def rank(row: Row) -> int:
        return _URGENT.index(row.status) if row.status in _URGENT else len(_URGENT)

    chosen = {row.id for row in sorted(rows, key=rank)[:MAX_ROWS]}
    return [row for row in rows if row.id in chosen]


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    state = look(row.status).markup
    if row.attempt > 1:
        state += f" [yellow]attempt {row.attempt}[/]"
    if row.port not in (None, "success"):
        state += f" on {escape(row.port or '')}"
    note = f"{row.fraction:.0%} " if row.fraction is not None else ""
    return (
        escape(row.id),
        f"[bright_black]{escape(row.type)}[/]",
        state,
        between(row.started_at, row.ended_at or now),
        f"[bright_black]{escape(note + row.note)}[/]",
    )
