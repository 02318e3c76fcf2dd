"""Child runs that nobody accepted: the event that begins one says how it was started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from minuet.model.signal import Start
from minuet.store.history import RunHead

from .chain import Recordable

BEGINNING = ("run.started", "run.ended")  # ended: one that could not be routed at all


class _Data(msgspec.Struct):
    start: Start | None = None


class _EventText(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_events = msgspec.json.Decoder(list[_EventText]).decode
_decode_data = msgspec.json.Decoder(_Data).decode


def born(batch: Iterable[Recordable], heads: Mapping[str, RunHead]) -> list[Start]:
    """How the child runs were started that begin in this batch. Raises MsgspecError."""
    starts: dict[str, Start] = {}
    for item in batch:
        record = item.record
        if record.run in heads or record.first_seq != 1 or record.run in starts:
            continue
        for event in _decode_events(record.events):
            if event.type in BEGINNING:
                start = _decode_data(event.data).start
                if start is not None and start.parent is not None and start.run == record.run:
                    starts[record.run] = start
    return list(starts.values())
