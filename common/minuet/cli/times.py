"""Instants and durations as people read them."""

from __future__ import annotations

from datetime import datetime


def duration(seconds: float) -> str:
    """`12 ms`, `0.42 s`, `8.1 s`, `3 min 12 s`, `2 h 5 min`, `4 d 3 h`."""
    if seconds < 0.1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def between(start: datetime | None, end: datetime | None) -> str:
    """The duration, or nothing where one end is missing."""
    return "" if start is None or end is None else duration((end - start).total_seconds())


def local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def local_clock(moment: datetime) -> str:
    """The time of day, to the millisecond."""
    return moment.astimezone().isoformat(timespec="milliseconds")[11:23]


def ago(moment: datetime, now: datetime) -> str:
    """`just now`, `12 s ago`, `3 min ago`, `2 d ago`."""
    seconds = (now - moment).total_seconds()
    if seconds < 1:
        return "just now"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"
