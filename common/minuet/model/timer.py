"""Timer members: the text that stands in `{p}:timers`, scored by the ms at which it is due."""

from __future__ import annotations

from typing import NamedTuple


class Timer(NamedTuple):
    """`kind` is retry or wait, `subject` a token id; or deadline, stop or forget, `subject` a run
    id."""

    kind: str
    subject: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def run(self) -> str:
        return self.subject.split("/", 1)[0]

    @property
    def is_of_life(self) -> bool:
        """Whether nobody needs it once the run is over."""
        return self.kind != "forget"

    @classmethod
    def parse(cls, text: str) -> Timer:
        """Raises ValueError if `text` is no timer member."""
        kind, subject = text.split(" ", 1)
        return cls(kind, subject)
