"""What the transitions of a batch say of patches, for the table where people find them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from minuet.store import patches
from minuet.store.history import without_nul
from minuet.store.patches import Moved
from minuet.store.patches import Verdict as PatchVerdict

from .chain import Recordable, Verdict

if TYPE_CHECKING:
    from minuet.store.database import Connection

MARKS: Final = (b'"patch.applied"', b'"command.refused"')


class _Data(msgspec.Struct):
    number: int = 0
    name: str = ""
    reason: str = ""
    detail: list[str] = []
    document: str = ""
    ir: str = ""


class _EventText(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_events = msgspec.json.Decoder(list[_EventText]).decode
_decode_data = msgspec.json.Decoder(_Data).decode


@dataclass(slots=True)
class Changes:
    verdicts: list[PatchVerdict] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)


def changes_in(accepted: Iterable[Recordable]) -> Changes:
    """Events are decoded only where the text tells of a patch, or of a refusal."""
    changes = Changes()
    for item in accepted:
        if item.record.plain:
            continue
        text = bytes(item.record.events)
        if any(mark in text for mark in MARKS):
            for seq, event in enumerate(_decode_events(text), item.record.first_seq):
                _read(changes, item, seq, event)
    return changes


def _read(changes: Changes, item: Recordable, seq: int, event: _EventText) -> None:
    run = item.record.run
    if event.type == "patch.applied":
        data = _decode_data(event.data)
        changes.moved.append(Moved(run, data.document, data.ir))
        changes.verdicts.append(PatchVerdict(run, data.number, "applied", None, [], item.time, seq))
    elif event.type == "command.refused":
        data = _decode_data(event.data)
        detail = without_nul(data.detail)
        changes.verdicts.append(
            PatchVerdict(run, data.number, "refused", data.reason, detail, item.time, seq)
        )


async def project(c: Connection, verdict: Verdict) -> None:
    """Bring tables up to date with the transitions that are stored in the same transaction."""
    changes = changes_in(verdict.accepted)
    if changes.moved:
        await patches.move_runs(c, changes.moved)
    if changes.verdicts:
        await patches.settle(c, changes.verdicts)
