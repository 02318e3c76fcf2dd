"""The rendered config of a `hitl` node; `schemas/node-types/hitl.json` is normative."""

from __future__ import annotations

from typing import Any

import msgspec


class HitlConfig(msgspec.Struct, frozen=True):
    """`on_timeout` is for the owner of the run, who alone knows whether an edge listens."""

    message: str
    payload: Any = None
    form: dict[str, Any] | None = None
    assignees: list[str] = []
    groups: list[str] = []
    timeout: str | None = None
    on_timeout: str = "reject"
