"""What the API says of node types."""

from __future__ import annotations

from typing import Any

import msgspec

from minuet.model.node_type import Effect, NodeType


class NodeTypeView(msgspec.Struct, frozen=True):
    """`ports` is null where the config decides. `workers` counts those alive that serve it;
    inline types need none."""

    name: str
    title: str
    description: str
    effect: Effect
    inline: bool
    builtin: bool
    ports: list[str] | None
    timeout_ms: int
    workers: int
    config_schema: dict[str, Any]
    output_schema: dict[str, Any] | None


class NodeTypeList(msgspec.Struct, frozen=True):
    items: list[NodeTypeView]


def view(spec: NodeType, workers: int) -> NodeTypeView:
    return NodeTypeView(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        effect=spec.effect,
        inline=spec.inline,
        builtin=spec.builtin,
        ports=spec.ports,
        timeout_ms=spec.timeout_ms,
        workers=workers,
        config_schema=spec.config_schema,
        output_schema=spec.output_schema,
    )
