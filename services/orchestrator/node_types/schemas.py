"""What the API says of node types."""

from __future__ import annotations

from minuet.model.node_type import NodeType
from minuet.views.suite import NodeTypeView


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
