"""Events and live news as single lines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich.markup import escape

from .palette import look
from .progress import instant_in
from .times import between, local_clock

if TYPE_CHECKING:
    from minuet.client.views import LiveItem, RunEvent

MAX_DATA = 160


def event_markup(event: RunEvent) -> str:
    """`  12 10:00:01.250 node.ended score ✓ succeeded ...`"""
    parts = [
        f"[bright_black]{event.id:>4} {local_clock(event.time)}[/]",
        escape(event.type),
        f"[bold]{escape(event.node)}[/]" if event.node else "",
        look(event.data["status"]).markup if "status" in event.data else "",
        f"[bright_black]{escape(_rest(event.data))}[/]",
    ]
    return " ".join(part for part in parts if part)


def log_markup(item: LiveItem) -> str:
    """`12:00:01.250 score info scored company=northwind`"""
    level = str(item.data.get("level", "info"))
    style = {"warning": "yellow", "error": "red"}.get(level, "bright_black")
    fields = " ".join(f"{k}={plain(v)}" for k, v in (item.data.get("fields") or {}).items())
    return (
        f"[bright_black]{local_clock(item.time)}[/] [bold]{escape(item.node)}[/] "
        f"[{style}]{escape(level)}[/] {escape(str(item.data.get('message', '')))}"
        f" [bright_black]{escape(fields)}[/]"
    ).rstrip()


def news_markup(event: RunEvent, started_at: datetime | None) -> str | None:
    """What a plain follower prints of an event; None for what nobody waits for."""
    clock = f"[bright_black]{local_clock(event.time)}[/]"
    node = f"[bold]{escape(event.node or '')}[/]"
    match event.type:
        case "node.ended":
            took = between(instant_in(event, "started_at") or started_at, event.time)
            status = look(event.data["status"]).markup
            port = event.data.get("port")
            port = f" on {escape(port)}" if port not in (None, "success") else ""
            return f"{clock} {node} {status}{port} {took}{error_text(event.data)}".rstrip()
        case "node.waiting":
            return f"{clock} {node} {look('waiting').markup}"
        case "node.retrying":
            attempt = event.data.get("attempt")
            retrying = look("retrying").markup
            return f"{clock} {node} {retrying} attempt {attempt}{error_text(event.data)}"
        case "warning":
            return f"{clock} [yellow]warning[/] {escape(str(event.data.get('message', '')))}"
    return None


def error_text(data: dict[str, Any]) -> str:
    error = data.get("error")
    if not error:
        return ""
    return f" [red]{escape(str(error.get('code', '')))}[/] {escape(str(error.get('message', '')))}"


def plain(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _rest(data: dict[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "status"}
    text = " ".join(f"{key}={plain(value)}" for key, value in rest.items())
    return text if len(text) <= MAX_DATA else f"{text[: MAX_DATA - 1]}…"
