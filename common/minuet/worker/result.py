"""How a node function says more than its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """An output and the port to end on. `port` must be `success` or one that the node type names.

    `waiting` leaves the node live (a job was handed to another system) until a command or a
    message ends it; the output then counts for nothing.
    """

    output: Any = None
    port: str = "success"
    waiting: bool = False
