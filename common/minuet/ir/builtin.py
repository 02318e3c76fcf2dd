"""The node types that Minuet brings itself, read from `schemas/node-types`."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any, Final

from minuet.model.duration import duration_ms
from minuet.model.node_type import NodeType
from minuet.schemas import load

NAMES: Final = ("http", "transform", "branch", "join", "wait", "hitl", "agent", "map", "workflow")


@cache
def builtin_node_types() -> MappingProxyType[str, NodeType]:
    """By name. Read once a process; the answer and its schemas are shared: do not change them."""
    return MappingProxyType({name: _node_type(load(f"node-types/{name}")) for name in NAMES})


def _node_type(data: dict[str, Any]) -> NodeType:
    return NodeType(
        name=data["name"],
        title=data["title"],
        description=data["description"],
        effect=data["effect"],
        inline=data["inline"],
        ports=data["ports"],
        config_schema=data["config"],
        output_schema=data["output"],
        timeout_ms=duration_ms(data["timeout"]),
        builtin=True,
    )
