"""What goes over a socket (schemas/socket.json), encoded once for all who get it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from minuet.model.event import LiveEvent
from minuet.views.instants import instant, with_instants
from minuet.views.schemas import EventView, RunLineView, RunView


class RunSnapshot(msgspec.Struct, tag_field="kind", tag="snapshot"):
    """The run as REST shows it; events after `run.seq` follow."""

    run: RunView


class EventFrame(msgspec.Struct, tag_field="kind", tag="event"):
    event: EventView


class LiveView(msgspec.Struct):
    """What a worker told of an execution beside the history."""

    run: str
    type: str
    node: str
    gen: int
    attempt: int
    time: datetime
    data: dict[str, Any]


class LiveFrame(msgspec.Struct, tag_field="kind", tag="live"):
    """Told beside the history; may be missing."""

    event: LiveView


class Ping(msgspec.Struct, tag_field="kind", tag="ping"):
    """Whoever misses two of these may take the connection for lost."""

    time: datetime


class Resync(msgspec.Struct, tag_field="kind", tag="resync"):
    """What was shown does not hold any more (`rollback`), was too much (`slow`), or is not where
    the client thinks it is (`position`): forget it, a snapshot follows."""

    reason: str


class ListSnapshot(msgspec.Struct, tag_field="kind", tag="snapshot"):
    """The newest runs, newest first, in place of all that was sent before."""

    runs: list[RunLineView]


class ListChange(msgspec.Struct, tag_field="kind", tag="event"):
    """Runs that are new or changed, newest first."""

    runs: list[RunLineView]


Frame = RunSnapshot | EventFrame | LiveFrame | Ping | Resync | ListSnapshot | ListChange

encode: Final = msgspec.json.Encoder().encode


def event_frames(events: Sequence[EventView]) -> tuple[bytes, ...]:
    return tuple(encode(EventFrame(event)) for event in events)


def live_frame(event: LiveEvent) -> bytes:
    view = LiveView(
        event.run, event.type, event.node, event.gen, event.attempt, instant(event.time),
        with_instants(event.data),
    )  # fmt: skip
    return encode(LiveFrame(view))
