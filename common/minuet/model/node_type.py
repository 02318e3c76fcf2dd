"""What the system knows of a node type: built in, or told by a worker."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Effect = Literal["pure", "idempotent", "once"]


class NodeType(msgspec.Struct, frozen=True, omit_defaults=True):
    """`config_schema` is JSON Schema for the *unrendered* config (strings may be templates
    wherever the schema wants another type: validation relaxes those positions).

    `inline` types are evaluated by the owner of the run and have no worker. `ports` lists the
    labels beyond success, error and timeout; None means that the config decides (branch).
    `timeout_ms` is the default of one execution. `builtin` types belong to Minuet itself.
    """

    name: str
    effect: Effect = "idempotent"
    config_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    title: str = ""
    description: str = ""
    ports: list[str] | None = []
    timeout_ms: int = 60_000
    inline: bool = False
    builtin: bool = False
