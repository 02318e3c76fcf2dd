"""`python -m minuet.services.fanout.schema > schemas/socket.json`: the frames as JSON Schema."""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec

from .frames import (
    EventFrame,
    ListChange,
    ListSnapshot,
    LiveFrame,
    Ping,
    Resync,
    RunSnapshot,
)

VIEWS: Final = {
    "runFrame": (RunSnapshot, EventFrame, LiveFrame, Ping, Resync),
    "listFrame": (ListSnapshot, ListChange, Ping, Resync),
}
"""What each view sends; `kind` tells its frames apart."""


def socket_schema() -> dict[str, Any]:
    frames = list(dict.fromkeys(frame for view in VIEWS.values() for frame in view))
    references, parts = msgspec.json.schema_components(frames, ref_template="#/$defs/{name}")
    reference_of = dict(zip(frames, references, strict=True))
    views = {
        name: {"title": name, "oneOf": [reference_of[frame] for frame in view]}
        for name, view in VIEWS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Socket frame",
        "description": "What the fanout sends: /ws/runs/{id} sends runFrame, /ws/runs listFrame.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in VIEWS],
        "$defs": {**views, **{name: _tidy(part) for name, part in sorted(parts.items())}},
    }


def _tidy(part: dict[str, Any]) -> dict[str, Any]:
    """Docstrings as one line each."""
    if "description" in part:
        part["description"] = " ".join(part["description"].split())
    return part


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(socket_schema())) + b"\n")
