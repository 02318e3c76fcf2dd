"""Calls about entries that a worker holds, one for each partition: for both kinds of client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from .api import Done
from .codes import FunctionName
from .keys import Keys
from .wire import Argument

GROUP = b"workers"


@dataclass(slots=True)
class Call:
    """An FCALL that answers one number for each of its items; `places` are their positions."""

    function: FunctionName
    keys: list[str]
    args: list[Argument] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def mark(type: str, entry_id: str) -> str:
    """The field of a split entry in `splits`."""
    return f"{type} {entry_id}"


def complete_calls(keys: Keys, done: Sequence[Done]) -> list[Call]:
    calls: dict[int, Call] = {}
    for place, entry in enumerate(done):
        p = entry.p
        if (call := calls.get(p)) is None:
            call = calls[p] = Call("complete", [keys.signals(p), keys.splits(p)])
        call.keys.append(keys.tasks(p, entry.type))
        call.args += (entry.id, mark(entry.type, entry.id), 2 * len(entry.results))
        call.args += chain.from_iterable(entry.results)
        call.places.append(place)
    return list(calls.values())


def heartbeat_calls(
    keys: Keys, consumer: str, held: Sequence[tuple[int, str, str]]
) -> list[Call]:
    by_stream: dict[tuple[int, str], list[int]] = {}
    for place, (p, type, _) in enumerate(held):
        by_stream.setdefault((p, type), []).append(place)
    calls: dict[int, Call] = {}
    for (p, type), places in by_stream.items():
        call = calls.setdefault(p, Call("heartbeat", [], [consumer]))
        call.keys.append(keys.tasks(p, type))
        call.args.append(len(places))
        call.args += [held[place][2] for place in places]
        call.places += places
    return list(calls.values())
