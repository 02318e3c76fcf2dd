"""Turns stream entries into what each run has to react to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from minuet.bus.api import Entry, Fields
from minuet.ir.transition import Completion, Fired, RunInput
from minuet.model.signal import (
    SIGNAL_TYPES,
    Archived,
    Command,
    Continue,
    Reemit,
    Restore,
    Start,
)
from minuet.model.timer import Timer
from minuet.model.token import Outcome

_outcome = msgspec.json.Decoder(Outcome).decode
_decoders = {kind: msgspec.json.Decoder(type_).decode for kind, type_ in SIGNAL_TYPES.items()}


@dataclass(slots=True)
class Batch:
    """Signals of one partition, grouped by run in order of arrival. `cursor` is the last entry.

    `poison` holds entries that cannot be decoded, with the reason. `archived` and `forget` name
    runs whose keys shrink or go.
    """

    cursor: str
    signals: int = 0
    oldest_ms: int = 0
    runs: dict[str, list[RunInput]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    restores: dict[str, Restore] = field(default_factory=dict)
    archived: dict[str, Archived] = field(default_factory=dict)
    forget: set[str] = field(default_factory=set)
    poison: list[tuple[Fields, str]] = field(default_factory=list)

    def add(self, run: str, given: RunInput) -> None:
        inputs = self.runs.get(run)
        if inputs is None:
            self.runs[run] = [given]
        else:
            inputs.append(given)


def decode_batch(entries: Iterable[Entry]) -> Batch:
    """Decode entries of one partition. Raises ValueError if there are none."""
    batch: Batch | None = None
    for entry in entries:
        if batch is None:
            batch = Batch(entry.id, oldest_ms=int(entry.id.split("-", 1)[0]))
        batch.cursor = entry.id
        batch.signals += 1
        try:
            _decode_entry(batch, entry.fields)
        except (ValueError, KeyError, msgspec.MsgspecError) as exc:
            batch.poison.append((entry.fields, str(exc)))
    if batch is None:
        raise ValueError("a batch has at least one entry")
    return batch


def _decode_entry(batch: Batch, fields: Fields) -> None:
    """Raises before anything of the entry was added, or not at all."""
    name, kind = fields[0]
    if name != "k":
        raise ValueError("the first field must be k")
    match kind:
        case b"done":
            for each in fields[1:]:
                _add_completion(batch, each)
        case b"timer":
            for timer in [Timer.parse(member) for member, _ in fields[1:]]:
                _add_timer(batch, timer)
        case _:
            _add_signal(batch, _decoders[kind.decode()](fields[1][1]))


def _add_completion(batch: Batch, given: tuple[str, bytes]) -> None:
    """One bad result must not cost the good ones beside it: it alone is poison."""
    token, data = given
    try:
        run, node, gen, attempt = token.split("/")
        completion = Completion(node, int(gen), int(attempt), _outcome(data))
    except (ValueError, msgspec.MsgspecError) as exc:
        batch.poison.append(([("k", b"done"), given], str(exc)))
    else:
        batch.add(run, completion)


def _add_timer(batch: Batch, timer: Timer) -> None:
    if timer.kind == "forget":
        batch.forget.add(timer.run)
    else:
        batch.add(timer.run, Fired(timer))


def _add_signal(batch: Batch, signal: object) -> None:
    match signal:
        case Start():
            batch.starts[signal.run] = signal
            batch.add(signal.run, signal)
        case Restore():
            batch.restores[signal.run] = signal
            batch.runs.setdefault(signal.run, [])
        case Archived():
            batch.archived[signal.run] = signal
        case Command() | Reemit() | Continue():
            batch.add(signal.run, signal)
        case _:
            raise TypeError(f"no signal: {type(signal).__name__}")
