"""Commands that the owner of their run refused, marked where people look their command up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from minuet.store import commands
from minuet.store.commands import Refusal
from minuet.store.history import without_nul

from .chain import Recordable, Verdict

if TYPE_CHECKING:
    from minuet.store.database import Connection

MARK: Final = b'"command.refused"'


class _Data(msgspec.Struct):
    number: int
    reason: str


class _EventText(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_events = msgspec.json.Decoder(list[_EventText]).decode
_decode_data = msgspec.json.Decoder(_Data).decode


def refusals_in(accepted: Iterable[Recordable]) -> list[Refusal]:
    """Events are decoded only where the text tells of a refusal."""
    found: list[Refusal] = []
    for item in accepted:
        if item.record.plain:
            continue
        text = bytes(item.record.events)
        if MARK not in text:
            continue
        for event in _decode_events(text):
            if event.type == "command.refused":
                data = _decode_data(event.data)
                found.append(Refusal(item.record.run, data.number, without_nul(data.reason)))
    return found


async def project(c: Connection, verdict: Verdict) -> None:
    """In the transaction that stores the events: whoever sees a command recorded sees this."""
    if refused := refusals_in(verdict.accepted):
        await commands.mark_refused(c, refused)
