"""What the Redis functions answer, and what the server's refusals mean."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Literal

from minuet.model.errors import MinuetError

FunctionName = Literal[
    "acquire", "renew", "release", "commit", "fire_timers", "join", "send", "send_anyway",
    "publish_partitions", "complete", "split", "surrender", "heartbeat", "claim", "register",
    "make_groups",
    "journal", "drop_consumers",
    "vouch", "withdraw",
]  # fmt: skip


class Acquired(IntEnum):
    HELD_BY_ANOTHER = 0
    ACQUIRED = 1


NOT_HELD = -1
"""`renew`: the lease is another's, or free."""

FENCED = -1
"""`commit`: owner or number are not what the lease holds."""

NO_TIMER = -1
"""`fire_timers`: nothing is left."""


class BusFault(MinuetError):
    """The server refused a call for good: our bug, a key of a foreign type, or no permission."""

    code = "bus_fault"


class Refusal(Enum):
    """Why the server did not execute a command; none of these wrote anything."""

    UNKNOWN_FUNCTION = "load the library, call again"
    BUSY = "wait, call again"
    MOVED = "connect anew, call again"
    FULL = "out of memory"
    OTHER = "a fault"


_BY_FIRST_WORD = {
    "LOADING": Refusal.BUSY,
    "TRYAGAIN": Refusal.BUSY,
    "CLUSTERDOWN": Refusal.BUSY,
    "MASTERDOWN": Refusal.BUSY,
    "BUSY": Refusal.BUSY,
    "READONLY": Refusal.MOVED,
    "MOVED": Refusal.MOVED,
    "ASK": Refusal.MOVED,
    "UNBLOCKED": Refusal.BUSY,
    "MISCONF": Refusal.BUSY,  # its disk is full: it takes no writes until the file can grow
    "NOREPLICAS": Refusal.BUSY,
    "OOM": Refusal.FULL,
}


def refusal(error: Exception) -> Refusal:
    """The meaning of an error reply."""
    text = str(error)
    if text.startswith("ERR Function not found"):
        return Refusal.UNKNOWN_FUNCTION
    return _BY_FIRST_WORD.get(text.split(" ", 1)[0], Refusal.OTHER)
