"""How a node function says more than its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minuet.model.token import ApprovalRequest


@dataclass(frozen=True, slots=True)
class Result:
    """An output and the port to end on. `port` must be `success` or one that the node type names.

    `waiting` leaves the node live (a job was handed to another system) until a command or a
    message ends it; the output then counts for nothing. `wait_ms` bounds that, `approval` is what a
    person is asked meanwhile.
    """

    output: Any = None
    port: str = "success"
    waiting: bool = False
    wait_ms: int | None = None
    approval: ApprovalRequest | None = None
