"""Which transitions of a batch follow the stored history: a pure decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from minuet.model.event import TransitionRecord
from minuet.model.status import RunStatus
from minuet.model.token import CasRef
from minuet.store.history import Ending, Projection, RunHead, TransitionRow, without_nul

ENDED = int(RunStatus.SUCCEEDED)


class Recordable(NamedTuple):
    """A transition with what its commit says: id and time."""

    commit: str
    time: datetime
    record: TransitionRecord


@dataclass(slots=True)
class Verdict:
    """`ended` are runs whose end is stored, now or before: their keys in Redis may shrink.
    `deleted` counts what is told of runs that were deleted, `gaps` those among the refused before
    which the stored history lacks something."""

    rows: list[TransitionRow] = field(default_factory=list)
    accepted: list[Recordable] = field(default_factory=list)
    projections: dict[str, Projection] = field(default_factory=dict)
    forks: dict[str, Recordable] = field(default_factory=dict)
    unknown: list[Recordable] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    deleted: int = 0
    refused: int = 0
    gaps: int = 0


def doubtful(batch: Iterable[Recordable], heads: Mapping[str, RunHead]) -> list[tuple[str, int]]:
    """(run, first seq) of transitions at places that the stored history already fills."""
    return [
        (item.record.run, item.record.first_seq)
        for item in batch
        if (head := heads.get(item.record.run)) and item.record.first_seq <= head.seq
    ]


def judge(
    batch: Iterable[Recordable],
    heads: Mapping[str, RunHead],
    stored: Mapping[tuple[str, int], str],
) -> Verdict:
    """Sort the transitions of a batch, in order. `heads` and `stored` (see `doubtful`) must be
    read under the partitions' locks.

    A transition is stored if it names the last stored commit and the next seq; it is a duplicate
    if the same commit is stored at its place; otherwise it belongs to a forked history, and so
    does all that follows it. A run's restore is asked for if its last word is a fork.
    """
    verdict = Verdict()
    heads = dict(heads)
    seen: dict[tuple[str, int], str] = {}
    for item in batch:
        record = item.record
        head, first_seq = heads.get(record.run), record.first_seq
        if head is None:
            verdict.unknown.append(item)
        elif first_seq <= head.seq:
            place = (record.run, first_seq)
            _judge_past(verdict, item, head, seen.get(place) or stored.get(place))
        elif _follows(record, first_seq, head):
            seen[record.run, first_seq] = item.commit
            heads[record.run] = RunHead(record.seq, item.commit, record.status)
            _accept(verdict, item, first_seq)
        else:
            verdict.gaps += record.first_seq > head.seq + 1 and record.run not in verdict.forks
            _refuse(verdict, item)
    return verdict


def _follows(record: TransitionRecord, first_seq: int, head: RunHead) -> bool:
    rewrites_end = head.status >= ENDED and record.status != head.status
    return record.prev == head.last_commit and first_seq == head.seq + 1 and not rewrites_end


def _judge_past(verdict: Verdict, item: Recordable, head: RunHead, commit: str | None) -> None:
    if commit != item.commit:
        _refuse(verdict, item)
        return
    verdict.duplicates += 1
    if head.status >= ENDED:
        verdict.ended[item.record.run] = head.seq


def _refuse(verdict: Verdict, item: Recordable) -> None:
    verdict.refused += 1
    verdict.forks[item.record.run] = item


def _accept(verdict: Verdict, item: Recordable, first_seq: int) -> None:
    commit, time, record = item
    run = record.run
    verdict.accepted.append(item)
    verdict.rows.append(
        TransitionRow(run, first_seq, record.seq, commit, record.prev, time, record.events)
    )
    before = verdict.projections.get(run)
    ending = before and before.ending
    if record.status >= ENDED:
        verdict.ended[run] = record.seq
        ending = _ending(record, time) or ending
    verdict.projections[run] = Projection(
        run, record.seq, record.cmd, record.status, record.counter, commit,
        before.first_time if before else time, ending,
    )  # fmt: skip
    verdict.forks.pop(run, None)


class _EndedData(msgspec.Struct):
    outputs: msgspec.Raw = msgspec.Raw()
    outputs_ref: dict[str, CasRef] | None = None
    error: dict[str, object] | None = None


class _EventText(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_events = msgspec.json.Decoder(list[_EventText]).decode
_decode_ended = msgspec.json.Decoder(_EndedData).decode


def _ending(record: TransitionRecord, time: datetime) -> Ending | None:
    """What the transition's `run.ended` says; None if the run ended in an earlier one."""
    for event in _decode_events(record.events):
        if event.type == "run.ended":
            data = _decode_ended(event.data)
            refs = None if data.outputs_ref is None else msgspec.to_builtins(data.outputs_ref)
            error = None if data.error is None else without_nul(data.error)
            return Ending(bytes(data.outputs) or None, refs, error, time)
    return None
