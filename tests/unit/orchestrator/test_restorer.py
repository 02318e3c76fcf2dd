"""Restores go out a few at a time, parents before children, and say how far they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.ir import Ir, IrNode
from minuet.model.signal import Kept, Start
from minuet.model.state import Stored
from minuet.model.status import RunStatus
from minuet.model.token import CasRef
from minuet.services.orchestrator.restore import named_by
from minuet.services.orchestrator.restorer import EVENTS_AT_ONCE, RUNS_AT_ONCE, portions
from minuet.store.history import LiveRun

AT = datetime(2026, 1, 1, tzinfo=UTC)


def live(number: int, seq: int = 1) -> LiveRun:
    return LiveRun(f"0-{number}", 0, seq, "o/1", False, AT + timedelta(seconds=number))


@given(st.lists(st.integers(1, 2 * EVENTS_AT_ONCE), max_size=300))
def test_portions_are_small_whole_and_in_order(lengths: list[int]) -> None:
    runs = [live(number, seq) for number, seq in enumerate(lengths)]
    found = list(portions(runs))
    assert [run for portion in found for run in portion] == runs
    for portion in found:
        assert 1 <= len(portion) <= RUNS_AT_ONCE
        assert len(portion) == 1 or sum(run.seq for run in portion) <= EVENTS_AT_ONCE


def ref(name: str) -> CasRef:
    return CasRef(digest=name, size_bytes=1)


def state_with_values() -> RunState:
    start = Start(
        run="0-r", tenant="t", ir="ir", workflow="w", accepted_at=0, inputs_ref=ref("inputs"),
        kept={"a": Kept("success", output_ref=ref("kept")), "b": Kept("success")},
    )  # fmt: skip
    state = RunState(
        Plan(Ir(workflow="w", nodes=[IrNode(id="a", type="x")], edges=[]), "ir"), start
    )
    state.outputs = {"a": Stored(ref=ref("output")), "b": Stored(value=msgspec.Raw(b"1"))}
    return state


def test_every_value_that_a_step_may_still_read_is_brought_back() -> None:
    assert named_by(state_with_values()) == {"inputs", "kept", "output"}


def test_nobody_reads_the_values_of_an_ended_run() -> None:
    state = state_with_values()
    state.status = RunStatus.SUCCEEDED
    assert named_by(state) == set()
