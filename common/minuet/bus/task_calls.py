"""Calls about entries that a worker holds, one for each partition: for both kinds of client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from . import functions
from .api import Done
from .codes import FunctionName
from .keys import Keys, partition_of
from .wire import Argument, Reply

GROUP = b"workers"


@dataclass(slots=True)
class Call:
    """A command that answers one value for each of its items; `places` are their positions."""

    start: tuple[Argument, ...]
    keys: list[str]
    args: list[Argument] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, name: FunctionName, keys: list[str], *args: Argument) -> Call:
        """A call of one of our functions."""
        return cls((b"FCALL", functions.registered(name)), keys, list(args))

    def command(self) -> tuple[Argument, ...]:
        if self.start[0] == b"FCALL":
            return (*self.start, len(self.keys), *self.keys, *self.args)
        return (*self.start, *self.keys, *self.args)


def mark(type: str, entry_id: str) -> str:
    """The field of a split entry in `splits`."""
    return f"{type} {entry_id}"


def scatter(calls: Sequence[Call], replies: Sequence[Sequence[Reply]], count: int) -> list[bool]:
    """The answers of all calls in the order of the caller's items."""
    found = [False] * count
    for call, reply in zip(calls, replies, strict=True):
        for place, yes in zip(call.places, reply, strict=True):
            # A score may be 0: only nothing and the number 0 mean no.
            found[place] = yes is not None and yes != 0
    return found


def complete_calls(keys: Keys, done: Sequence[Done]) -> list[Call]:
    calls: dict[int, Call] = {}
    for place, entry in enumerate(done):
        p = entry.p
        if (call := calls.get(p)) is None:
            call = calls[p] = Call.of("complete", [keys.signals(p), keys.splits(p)])
        call.keys.append(keys.tasks(p, entry.type))
        call.args += (entry.id, mark(entry.type, entry.id), 2 * len(entry.results))
        call.args += chain.from_iterable(entry.results)
        call.places.append(place)
    return list(calls.values())


def heartbeat_calls(keys: Keys, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[Call]:
    by_stream: dict[tuple[int, str], list[int]] = {}
    for place, (p, type, _) in enumerate(held):
        by_stream.setdefault((p, type), []).append(place)
    calls: dict[int, Call] = {}
    for (p, type), places in by_stream.items():
        call = calls.setdefault(p, Call.of("heartbeat", [], consumer))
        call.keys.append(keys.tasks(p, type))
        call.args.append(len(places))
        call.args += [held[place][2] for place in places]
        call.places += places
    return list(calls.values())


def cancelled_calls(keys: Keys, tokens: Sequence[str]) -> list[Call]:
    """ZMSCORE: a token that was not cancelled has no score (None)."""
    calls: dict[int, Call] = {}
    for place, token in enumerate(tokens):
        p = partition_of(token)
        call = calls.setdefault(p, Call((b"ZMSCORE",), [keys.cancelled(p)]))
        call.args.append(token)
        call.places.append(place)
    return list(calls.values())
