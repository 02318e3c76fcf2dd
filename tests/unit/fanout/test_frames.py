"""Frames are what schemas/socket.json says."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from minuet.model.event import Event, LiveEvent
from minuet.schemas import load
from minuet.services.fanout.frames import (
    ListChange,
    ListSnapshot,
    Ping,
    Resync,
    RunSnapshot,
    encode,
    event_frames,
    live_frame,
)
from minuet.services.fanout.schema import socket_schema
from minuet.views.runs import number_events
from minuet.views.schemas import NodeView, RunLineView, RunView

Validator = partial(jsonschema_rs.Draft202012Validator, validate_formats=True, offline=True)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def view(name: str) -> Any:
    schema = load("socket")
    return Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{name}"}]})


def line() -> RunLineView:
    return RunLineView(
        id="0-x", workflow="w", version=None, status="running", counter=1, labels={"a": "b"},
        accepted_at=NOW, started_at=None, ended_at=None,
    )  # fmt: skip


def run() -> RunView:
    known: dict[str, Any] = {
        "id": "0-x", "workflow": "w", "version": 3, "status": "running", "seq": 4, "counter": 1,
        "inputs": {"x": 1}, "labels": {}, "principal": "key", "patches": 0,
        "document_digest": "sha256:d", "accepted_at": NOW,
        "nodes": [NodeView("a", "http", "succeeded", started_at=NOW, output=[1])],
    }  # fmt: skip
    asked = (field.name for field in msgspec.structs.fields(RunView) if field.required)
    return msgspec.convert({**{name: known.get(name) for name in asked}, **known}, RunView)


def test_the_schema_is_made_from_the_frames() -> None:
    """`python -m minuet.services.fanout.schema > schemas/socket.json` makes it anew."""
    assert load("socket") == msgspec.json.decode(msgspec.json.encode(socket_schema()))


RUN_FRAMES = {
    "snapshot": encode(RunSnapshot(run())),
    "event": event_frames(
        number_events("0-x", 7, 1, [Event("node.ready", "a", 1, {"attempt": 1, "due_at": 5})])
    )[0],
    "live": live_frame(LiveEvent("node.log", "0-x", "t", "a", 1, 1, 5, {"message": "\u2028"})),
    "ping": encode(Ping(NOW)),
    "resync": encode(Resync("slow")),
}
LIST_FRAMES = {
    "snapshot": encode(ListSnapshot([line()])),
    "event": encode(ListChange([line()])),
    "ping": encode(Ping(NOW)),
    "resync": encode(Resync("slow")),
}


@pytest.mark.parametrize("kind", RUN_FRAMES)
def test_frames_of_a_run_fit_the_schema(kind: str) -> None:
    frame = msgspec.json.decode(RUN_FRAMES[kind])
    assert frame["kind"] == kind
    view("runFrame").validate(frame)


@pytest.mark.parametrize("kind", LIST_FRAMES)
def test_frames_of_the_list_fit_the_schema(kind: str) -> None:
    frame = msgspec.json.decode(LIST_FRAMES[kind])
    assert frame["kind"] == kind
    view("listFrame").validate(frame)


def test_a_live_frame_does_not_tell_the_tenant() -> None:
    assert "tenant" not in msgspec.json.decode(RUN_FRAMES["live"])["event"]
