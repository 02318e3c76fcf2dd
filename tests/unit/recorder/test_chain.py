"""Which transitions are stored: those that follow; whatever repeats or forks is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.services.recorder.chain import Recordable, Verdict, doubtful, judge
from minuet.store.history import RunHead
from tests.support.records import ending, transition

RUN = "0-r"
AT = datetime(2030, 1, 1, tzinfo=UTC)
RUNNING = int(RunStatus.RUNNING)
SUCCEEDED = int(RunStatus.SUCCEEDED)


def item(commit: str, seq: int, prev: str = "", *, run: str = RUN, count: int = 1) -> Recordable:
    events = [Event("warning", data={"code": "x", "message": "y"})] * count
    return Recordable(commit, AT, transition(run, seq=seq, prev=prev, events=events))


def end(commit: str, seq: int, prev: str) -> Recordable:
    return Recordable(commit, AT, ending(RUN, seq=seq, prev=prev, outputs={"x": 1}))


def new(run: str = RUN) -> dict[str, RunHead]:
    return {run: RunHead(0, "", int(RunStatus.QUEUED))}


def at(seq: int, commit: str, status: int = RUNNING) -> dict[str, RunHead]:
    return {RUN: RunHead(seq, commit, status)}


def kept(verdict: Verdict) -> list[str]:
    return [row.commit_id for row in verdict.rows]


def test_a_chain_is_stored_whole_and_projected_once() -> None:
    verdict = judge([item("c1", 2, count=2), item("c2", 3, "c1"), end("c3", 4, "c2")], new(), {})
    assert kept(verdict) == ["c1", "c2", "c3"]
    assert [(row.first_seq, row.last_seq) for row in verdict.rows] == [(1, 2), (3, 3), (4, 4)]
    projection = verdict.projections[RUN]
    assert (projection.seq, projection.last_commit, projection.status) == (4, "c3", SUCCEEDED)
    assert projection.ending is not None
    assert projection.ending.outputs == b'{"x":1}'
    assert verdict.ended == {RUN: 4}
    assert not verdict.forks


@pytest.mark.parametrize(
    "wrong",
    [item("x", 4, "other"), item("x", 5, "c3"), item("x", 4, "")],
    ids=["another commit before", "a gap", "no commit before"],
)
def test_what_does_not_follow_asks_for_a_restore(wrong: Recordable) -> None:
    verdict = judge([wrong], at(3, "c3"), {})
    assert (kept(verdict), set(verdict.forks), verdict.refused) == ([], {RUN}, 1)


def test_all_that_follows_a_fork_is_refused_too() -> None:
    verdict = judge([item("x", 3, "c1"), item("y", 4, "x")], at(3, "c3"), {(RUN, 3): "c3"})
    assert (kept(verdict), verdict.refused) == ([], 2)


def test_what_lacks_something_before_it_is_told_from_other_forks() -> None:
    """Redis says that it was recorded: Postgres is older, or refused a transition."""
    assert judge([item("x", 5, "c4")], at(3, "c3"), {}).gaps == 1
    assert judge([item("x", 4, "c9"), item("y", 5, "x")], at(3, "c3"), {}).gaps == 0


def test_a_request_goes_when_the_history_goes_on() -> None:
    verdict = judge([item("x", 4, "other"), item("c4", 4, "c3")], at(3, "c3"), {})
    assert kept(verdict) == ["c4"]
    assert not verdict.forks


def test_what_is_stored_is_a_duplicate_and_says_again_that_the_run_ended() -> None:
    batch = [item("c1", 1), end("c2", 2, "c1")]
    heads = at(2, "c2", SUCCEEDED)
    assert doubtful(batch, heads) == [(RUN, 1), (RUN, 2)]
    verdict = judge(batch, heads, {(RUN, 1): "c1", (RUN, 2): "c2"})
    assert (kept(verdict), verdict.duplicates, verdict.ended) == ([], 2, {RUN: 2})
    assert not verdict.forks


def test_a_transition_twice_in_one_batch_is_stored_once() -> None:
    verdict = judge([item("c1", 1), item("c1", 1)], new(), {})
    assert (kept(verdict), verdict.duplicates) == (["c1"], 1)


def test_an_ended_run_is_not_opened_again() -> None:
    verdict = judge([item("c3", 3, "c2")], at(2, "c2", SUCCEEDED), {})
    assert (kept(verdict), set(verdict.forks)) == ([], {RUN})


def test_how_a_run_ended_is_never_overwritten() -> None:
    verdict = judge([end("c3", 3, "c2")], at(2, "c2", int(RunStatus.CANCELLED)), {})
    assert (kept(verdict), set(verdict.forks)) == ([], {RUN})


def test_a_run_that_nobody_accepted_is_set_aside() -> None:
    stranger = item("c1", 1, run="0-stranger")
    verdict = judge([stranger, item("c1", 1)], new(), {})
    assert (verdict.unknown, kept(verdict)) == ([stranger], ["c1"])


@given(st.data())
def test_any_cut_of_any_redelivery_stores_the_history_once_and_in_order(
    data: st.DataObject,
) -> None:
    """Entries come in order, in batches of any size, and after a crash again from any point."""
    whole = [item("c1", 1), item("c2", 2, "c1"), item("c3", 3, "c2"), end("c4", 4, "c3")]
    heads: Mapping[str, RunHead] = new()
    stored: dict[tuple[str, int], str] = {}
    rows: list[str] = []
    done = 0
    while done < len(whole):
        first = data.draw(st.integers(0, done))
        last = data.draw(st.integers(done + 1, len(whole)))
        batch: Sequence[Recordable] = whole[first:last]
        wanted = doubtful(batch, heads)
        verdict = judge(batch, heads, {place: stored[place] for place in wanted})
        assert not verdict.forks
        rows += kept(verdict)
        stored |= {(row.run_id, row.first_seq): row.commit_id for row in verdict.rows}
        p = verdict.projections[RUN]
        heads = at(p.seq, p.last_commit, p.status)
        done = last
    assert rows == ["c1", "c2", "c3", "c4"]
