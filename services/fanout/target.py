"""What a socket's address asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from minuet.model.errors import InvalidInput, NotFound

LIST_PATH: Final = "/ws/runs"
MAX_SEQ: Final = 2**53


@dataclass(frozen=True, slots=True)
class Target:
    """`run` is None for the list of runs. `after` is the last event that the client has."""

    ticket: str = field(repr=False)
    run: str | None = None
    after: int | None = None


def parse_target(path: str) -> Target:
    """Raises NotFound for a path that is not served, InvalidInput for a bad `after`."""
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    ticket = query.get("ticket", [""])[-1]
    if parts.path == LIST_PATH:
        return Target(ticket)
    run = parts.path.removeprefix(f"{LIST_PATH}/")
    if run == parts.path or not run or "/" in run:
        raise NotFound(f"there is {LIST_PATH} and {LIST_PATH}/<run id>")
    return Target(ticket, run, _after(query.get("after", [""])[-1]))


def _after(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or int(text) > MAX_SEQ:
        raise InvalidInput("after must be the id of an event", pointer="?after")
    return int(text)
