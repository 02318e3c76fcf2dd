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
    RunSignal,
    Start,
    Stop,
)
from minuet.model.status import ERROR
from minuet.model.timer import Timer
from minuet.model.token import Failure, Outcome, TokenId

_outcome = msgspec.json.Decoder(Outcome).decode
_decoders = {kind: msgspec.json.Decoder(type_).decode for kind, type_ in SIGNAL_TYPES.items()}


@dataclass(slots=True)
class Batch:
    """Signals of partition `p`, grouped by run in order of arrival. `cursor` is the last entry.

    `poison` holds entries that cannot be decoded, with the reason. `archived` and `forget` name
    runs whose keys shrink or go. `stillborn` is filled while runs are loaded: runs that cannot
    be started, with the reason.
    """

    p: int
    cursor: str
    signals: int = 0
    oldest_ms: int = 0
    runs: dict[str, list[RunInput]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    restores: dict[str, Restore] = field(default_factory=dict)
    archived: dict[str, Archived] = field(default_factory=dict)
    forget: set[str] = field(default_factory=set)
    poison: list[tuple[Fields, str]] = field(default_factory=list)
    stillborn: dict[str, str] = field(default_factory=dict)
    prefix: str = field(init=False)
    """What the ids of this partition's runs begin with."""

    def __post_init__(self) -> None:
        self.prefix = f"{self.p}-"

    def patches(self) -> list[tuple[str, str]]:
        """(run, digest of the IR) of every patch command."""
        return [
            (run, str(given.data.get("ir")))
            for run, inputs in self.runs.items()
            for given in inputs
            if isinstance(given, Command) and given.name == "patch"
        ]

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
            batch = Batch(entry.p, entry.id, oldest_ms=int(entry.id.split("-", 1)[0]))
        batch.cursor = entry.id
        batch.signals += 1
        try:
            _decode_entry(batch, entry.fields)
        except Exception as exc:  # a reason nobody thought of must not stop the partition
            batch.poison.append((entry.fields, _reason(exc)))
    if batch is None:
        raise ValueError("a batch has at least one entry")
    return batch


def _reason(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"


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
            for member, due in fields[1:]:
                _add_timer(batch, member, due)
        case _:
            _add_signal(batch, _decoders[kind.decode()](fields[1][1]))


def _own(batch: Batch, run: str) -> str:
    """The run id. Raises ValueError if it is of another partition, or could not be part of a
    token id or timer."""
    if not run.startswith(batch.prefix) or "/" in run or " " in run:
        raise ValueError(f"'{run[:80]}' is no run of partition {batch.p}")
    return run


def _add_completion(batch: Batch, given: tuple[str, bytes]) -> None:
    """One bad result must not cost the good ones beside it: it alone is poison. If it names an
    execution that one fails: it would wait for ever for a result that has come."""
    token, data = given
    try:
        run, node, gen, attempt = token.split("/")
        _own(batch, run)
        execution = node, int(gen), int(attempt)
    except ValueError as exc:
        batch.poison.append(([("k", b"done"), given], _reason(exc)))
        return
    try:
        outcome = _outcome(data)
    except Exception as exc:  # not msgspec's alone: too deep a nesting is a RecursionError
        batch.poison.append(([("k", b"done"), given], _reason(exc)))
        failure = Failure("bad_result", f"the result cannot be read: {exc}", retryable=False)
        outcome = Outcome(ERROR, failure=failure)
    batch.add(run, Completion(*execution, outcome))


def _add_timer(batch: Batch, member: str, due: bytes) -> None:
    """As with results, one bad timer is poison alone."""
    try:
        timer = _timer(batch, member)
    except ValueError as exc:
        batch.poison.append(([("k", b"timer"), (member, due)], _reason(exc)))
        return
    if timer.kind == "forget":
        batch.forget.add(timer.run)
    else:
        batch.add(timer.run, Fired(timer))


def _timer(batch: Batch, member: str) -> Timer:
    """Raises ValueError unless it is a timer of this partition that routing understands."""
    timer = Timer.parse(member)
    _own(batch, timer.run)
    match timer.kind:
        case "forget" | "deadline" | "stop":
            _own(batch, timer.subject)
        case "wait" | "retry":
            TokenId.parse(timer.subject)
        case other:
            raise ValueError(f"no timer is called '{other[:80]}'")
    return timer


def _add_signal(batch: Batch, signal: RunSignal) -> None:
    _own(batch, signal.run)
    match signal:
        case Start():
            batch.starts[signal.run] = signal
            batch.add(signal.run, signal)
        case Restore():
            batch.restores[signal.run] = _joined(batch.restores.get(signal.run), signal)
            batch.runs.setdefault(signal.run, [])
        case Archived():
            batch.archived[signal.run] = signal
        case Command() | Reemit() | Continue() | Stop():
            batch.add(signal.run, signal)
        case _:
            raise TypeError(f"no signal: {type(signal).__name__}")


def _joined(earlier: Restore | None, restore: Restore) -> Restore:
    """Both in one: the newer state (one history only grows), and a fork once told stays told."""
    if earlier is None:
        return restore
    newer = max(earlier, restore, key=lambda each: each.seq)
    return msgspec.structs.replace(newer, fork=earlier.fork or restore.fork)
