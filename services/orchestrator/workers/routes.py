"""/workers"""

from __future__ import annotations

from litestar import Router, get

from minuet.views.suite import WorkerList

from ..core import FromCore
from ..responses import problems
from .schemas import view


@get("/", responses=problems(401, 503), summary="List workers")
async def list_workers(core: FromCore) -> WorkerList:
    """The workers that are alive, by id."""
    workers = await core.bus.workers()
    return WorkerList([view(worker) for worker in sorted(workers, key=lambda worker: worker.id)])


router = Router("/workers", route_handlers=[list_workers], tags=["Workers"])
