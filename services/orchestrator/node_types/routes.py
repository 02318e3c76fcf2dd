"""/node-types"""

from __future__ import annotations

from collections import Counter
from typing import Any

from litestar import Request, Router, get
from litestar.params import FromPath

from minuet.model.errors import NotFound
from minuet.views.suite import NodeTypeList, NodeTypeView

from ..core import Core, FromCore
from ..responses import problems
from .schemas import view


async def _serving(core: Core) -> Counter[str]:
    workers = await core.bus.workers()
    return Counter(spec.name for worker in workers for spec in worker.types)


@get("/", responses=problems(401, 503), summary="List node types")
async def list_node_types(core: FromCore) -> NodeTypeList:
    """Every node type that is built in or was ever registered by a worker, by name."""
    serving = await _serving(core)
    known = core.types.known
    return NodeTypeList([view(known[name], serving[name]) for name in sorted(known)])


@get("/{name:str}", responses=problems(401, 404, 503), summary="Show a node type")
async def get_node_type(
    core: FromCore, request: Request[Any, Any, Any], name: FromPath[str]
) -> NodeTypeView:
    """One node type with the JSON Schemas of its config and its output."""
    spec = core.types.known.get(name)
    if spec is None:
        raise NotFound(f"there is no node type {name!r}")
    return view(spec, (await _serving(core))[name])


router = Router("/node-types", route_handlers=[list_node_types, get_node_type], tags=["Node types"])
