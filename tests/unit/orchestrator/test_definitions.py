"""A document is judged by the node types that workers serve now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from minuet.ir.builtin import builtin_node_types
from minuet.model.node_type import NodeType
from minuet.services.orchestrator.definitions import Definitions
from minuet.services.orchestrator.node_types.service import NodeTypes
from minuet.services.orchestrator.ports import Cas
from minuet.store.database import Database

BROUGHT = NodeType(name="brought", effect="pure", config_schema={"type": "object"})


class Types:
    """A registry that learns of `brought` at the next refresh."""

    def __init__(self) -> None:
        self.known: Mapping[str, NodeType] = builtin_node_types()
        self.refreshes = 0

    async def refresh(self) -> bool:
        self.refreshes += 1
        changed = "brought" not in self.known
        self.known = {**self.known, "brought": BROUGHT}
        return changed


def document(type: Any, unknown_types: str) -> dict[str, Any]:
    settings = {"unknown_types": unknown_types}
    nodes = [{"id": "a", "type": type}]
    return {"apiVersion": "minuet/v1", "name": "w", "nodes": nodes, "settings": settings}


@pytest.mark.anyio
@pytest.mark.parametrize("unknown_types", ["skip", "fail"])
async def test_a_type_that_just_came_is_known(unknown_types: str) -> None:
    types = Types()
    compiled = await compile_with(types, document("brought", unknown_types))
    assert compiled.ir is not None
    assert [node.unknown for node in compiled.ir.nodes] == [False]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "odd", [None, [], {"nodes": 1}, {"nodes": [1, {"type": 2}]}, document("join", "fail")]
)
async def test_workers_are_asked_only_about_types(odd: Any) -> None:
    types = Types()
    await compile_with(types, odd)
    assert types.refreshes == 0


async def compile_with(types: Types, document: Any) -> Any:
    return await Definitions(cast(Database, None), cast(Cas, None), cast(NodeTypes, types)).compile(
        "t", document
    )
