"""What the service says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Info(msgspec.Struct, frozen=True):
    """`principal` is whom the API key stands for. `socket_url` is the fanout's: see /tickets."""

    version: str
    api: str
    partitions: int
    tenant: str
    principal: str
    roles: list[str]
    compiled_router: bool
    limits: dict[str, int]
    socket_url: str


class DeadLetterView(msgspec.Struct, frozen=True):
    id: int
    run: str | None
    node: str | None
    kind: str
    data: Any
    created_at: datetime


class DeadLetterPage(msgspec.Struct, frozen=True):
    items: list[DeadLetterView]
    next_cursor: str | None = None
