"""Instants of events: those of the suite are converted, those of users are not."""

from __future__ import annotations

from datetime import UTC, datetime

from minuet.views.instants import LAST_MS, instant, with_instants


def test_only_the_events_own_instants_are_converted() -> None:
    data = {"due_at": 1_500, "attempt": 2, "output": {"sent_at": 7}, "ended_at": None}
    assert with_instants(data) == data | {
        "due_at": datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    }
    assert data["due_at"] == 1_500


def test_absurd_times_of_workers_stay_within_the_calendar() -> None:
    assert instant(10**18) == instant(LAST_MS)
    assert instant(-5) == datetime(1970, 1, 1, tzinfo=UTC)
