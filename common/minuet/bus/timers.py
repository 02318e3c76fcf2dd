"""Timers as the adapters keep them: members of a sorted set."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from minuet.model.timer import Timer


def timers_of(runs: Collection[str], members: Iterable[str]) -> list[str]:
    """Those of the runs' lives; what is no timer is passed over."""
    return [member for member in members if _is_of(runs, member)]


def _is_of(runs: Collection[str], member: str) -> bool:
    try:
        timer = Timer.parse(member)
    except ValueError:
        return False
    return timer.is_of_life and timer.run in runs
