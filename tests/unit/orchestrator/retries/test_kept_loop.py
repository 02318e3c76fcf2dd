"""A loop that is kept whole does not go round again because its condition counts rounds."""

from __future__ import annotations

from minuet.model.signal import Kept

from .play import fails, play
from .test_plan import BY_ROUND


def test_a_kept_loop_is_over() -> None:
    past = play(BY_ROUND, fails("tail")).past
    kept = {
        node: Kept(past[node].port or "", past[node].stored.value)
        for node in ("before", "body_a", "body_b")
    }
    assert play(BY_ROUND, kept=kept).executed == ["tail"]
