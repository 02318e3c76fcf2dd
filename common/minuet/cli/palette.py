"""One vocabulary and one palette for states, the same as in the browser. Never colour alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """`style` is a rich style."""

    glyph: str
    style: str
    word: str

    @property
    def markup(self) -> str:
        return f"[{self.style}]{self.glyph} {self.word}[/]"


_LOOKS: Final = {
    "pending": Look("·", "bright_black", "pending"),
    "queued": Look("○", "bright_black", "queued"),
    "ready": Look("○", "bright_black", "ready"),
    "running": Look("●", "blue", "running"),
    "retrying": Look("↻", "blue", "retrying"),
    "waiting": Look("◷", "cyan", "waiting"),
    "paused": Look("‖", "bright_black", "paused"),
    "cancelling": Look("◌", "bright_black", "cancelling"),
    "compensating": Look("↶", "blue", "compensating"),
    "succeeded": Look("✓", "green", "succeeded"),
    "failed": Look("✗", "red", "failed"),
    "timed_out": Look("◔", "red", "timed out"),
    "skipped": Look("╌", "bright_black", "skipped"),
    "cancelled": Look("▬", "bright_black", "cancelled"),
}

_ANSWERS: Final = {
    "pending": Look("✋", "yellow", "needs an answer"),
    "approved": Look("✓", "green", "approved"),
    "rejected": Look("✗", "red", "rejected"),
    "expired": Look("◔", "red", "expired"),
    "cancelled": Look("▬", "bright_black", "cancelled"),
}


def look_of_approval(status: str) -> Look:
    """As `look`, for approvals: amber is for what a person has to do, and nothing else."""
    return _ANSWERS.get(status) or Look("?", "bright_black", status)


def look(status: str) -> Look:
    """How a state looks; one that is not known is grey with its raw name."""
    return _LOOKS.get(status) or Look("?", "bright_black", status)
