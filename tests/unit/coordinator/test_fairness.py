"""When a run is held back so that others need not wait behind it."""

from __future__ import annotations

from minuet.services.coordinator.fairness import (
    BESIDE_MS,
    PACE_MS,
    STILL_MS,
    UNBOUND,
    Fairness,
)


def beside(fairness: Fairness, now: int = 0) -> Fairness:
    """A short run's signal, then one of the wide run."""
    fairness.note("0-short", now)
    fairness.note("0-wide", now)
    return fairness


def test_a_run_that_is_alone_is_not_held() -> None:
    fairness = Fairness({"work": 8})
    for now in range(3):
        fairness.note("0-wide", now)
    assert fairness.bound("0-wide", "work", 3) == UNBOUND


def test_beside_others_a_run_may_have_twice_the_slots_out() -> None:
    fairness = beside(Fairness({"work": 8, "rare": 1}))
    assert fairness.bound("0-wide", "work", 1) == 16
    assert fairness.bound("0-wide", "rare", 1) == 2
    assert fairness.bound("0-wide", None, 1) == 16


def test_the_bound_goes_some_time_after_the_other_runs_last_signal() -> None:
    fairness = beside(Fairness({"work": 8}))
    for now in range(0, BESIDE_MS + 1, 100):
        fairness.note("0-wide", now)
    assert fairness.bound("0-wide", "work", BESIDE_MS - 1) == 16
    assert fairness.bound("0-wide", "work", BESIDE_MS) == UNBOUND


def test_quick_tasks_may_have_more_out() -> None:
    """At 10,000 a second twice the slots would leave the workers waiting for the coordinator."""
    fairness = beside(Fairness({"work": 8}), now=1_000)
    for now in range(1_000, 1_000 + 2 * PACE_MS, 10):
        fairness.count(100, now)
    assert fairness.bound("0-wide", "work", 1_000 + 2 * PACE_MS) == 50


def test_runs_share_the_workers_by_their_priorities() -> None:
    fairness = beside(Fairness({"work": 10}))
    bounds = [fairness.bound("0-wide", "work", 1, priority) for priority in (1, 5, 10)]
    assert bounds == [4, 20, 40]


def test_while_no_worker_is_known_nothing_is_held() -> None:
    assert beside(Fairness({})).bound("0-wide", "work", 1) == UNBOUND


def test_a_held_run_that_stands_still_is_let_go() -> None:
    """Its tasks are slow: nodes of another type must not wait for them."""
    fairness = beside(Fairness({"work": 8}))
    fairness.hold("0-wide", True, 0)
    assert fairness.still(STILL_MS - 1) == []
    assert fairness.bound("0-wide", "work", STILL_MS - 1) == 16
    assert fairness.still(STILL_MS) == ["0-wide"]
    assert fairness.bound("0-wide", "work", STILL_MS) == UNBOUND
    fairness.hold("0-wide", False, STILL_MS)
    assert fairness.still(9 * STILL_MS) == []
