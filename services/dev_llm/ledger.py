"""One line for each request, written before it is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


class Entry(msgspec.Struct, omit_defaults=True):
    """`messages_sha256` is equal for equal conversations: two lines with the same one are the same
    turn asked twice. `outcome` is what was about to be answered: ok, a status, malformed, cut."""

    time: str
    model: str
    conversation: str | None
    turn: int
    outcome: str
    messages: int
    messages_sha256: str
    stream: bool
    note: str = ""


class Ledger:
    """Appends to a file, or only to memory if there is none. Each line is out of this process
    before the answer begins."""

    def __init__(self, path: Path | None) -> None:
        self.entries: list[Entry] = []
        self._file = path.open("ab", buffering=0) if path is not None else None

    def add(self, **fields: Any) -> None:
        entry = Entry(time=datetime.now(UTC).isoformat(timespec="milliseconds"), **fields)
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(msgspec.json.encode(entry) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read_ledger(path: Path) -> list[Entry]:
    """The whole lines of a ledger that may still be written."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Entry) for line in lines]
