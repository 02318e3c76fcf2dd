"""A partition's voucher: whether its content was compared with Postgres since the server started.

A server that comes back may have lost its last moments, or be a copy from yesterday, and nothing
in it tells. So the reconciler vouches for each partition once it has looked, by the server's id:
that of another start does not count. Where no voucher stands hardly anything stands: the server is
new or was emptied, no longer ago than it takes to compare.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self


class Finding(StrEnum):
    COMPARED = "compared"
    """It agrees with Postgres, or what it lacks was sent to its owner."""
    DOUBTED = "doubted"
    """The server is another one than when it was compared."""
    EMPTIED = "emptied"
    """None stood there: all was lost, or the server is back from before the first was written. So
    little stands there that nobody waits; what is out of date in it is looked for by its names."""


class Voucher(NamedTuple):
    """`by` is the id of the server (compared), else a value that nobody else wrote. `at` (ms, Redis
    time) is when it was last compared; what had ended by then has ended in what is there. `epoch`
    is drawn anew whenever none stood there: who remembers it knows a loss that was healed."""

    finding: Finding
    at: int
    epoch: str
    by: str

    def encode(self) -> str:
        return f"{self.finding} {self.at} {self.epoch} {self.by}"

    @classmethod
    def decode(cls, text: str) -> Self:
        """What cannot be read counts as doubted."""
        try:
            finding, at, epoch, by = text.split(" ", 3)
            return cls(Finding(finding), int(at), epoch, by)
        except ValueError:
            return cls(Finding.DOUBTED, 0, "", text)

    def holds(self, server: str) -> bool:
        """Whether it was given for this start of the server."""
        return self.finding is Finding.COMPARED and self.by == server


def may_be_stale(text: str | None, server: str) -> bool:
    """Whether nobody should build on the partition until the reconciler has looked."""
    if text is None:
        return False
    voucher = Voucher.decode(text)
    return voucher.finding is not Finding.EMPTIED and not voucher.holds(server)
