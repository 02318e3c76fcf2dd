"""/info, and the probes and metrics outside of the API."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, Router, get
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from minuet import __version__
from minuet.ir.routing import is_compiled
from minuet.model.json import MAX_BYTES, MAX_DEPTH
from minuet.store.page import MAX_LIMIT
from minuet.views.suite import Info

from ..core import FromCore
from ..responses import problems
from ..runs.starting import INLINE_BYTES


@get("/info", responses=problems(401, 503), summary="About this server")
async def get_info(core: FromCore, request: Request[Any, Any, Any]) -> Info:
    """Version, partitions, limits, and whom the API key stands for."""
    return Info(
        version=__version__,
        api="v1",
        partitions=core.partitions.count,
        tenant=request.user.tenant,
        principal=request.user.id,
        roles=request.user.roles,
        compiled_router=is_compiled(),
        limits={
            "body_bytes": core.settings.max_body_bytes,
            "document_bytes": MAX_BYTES,
            "document_depth": MAX_DEPTH,
            "inline_bytes": INLINE_BYTES,
            "page_items": MAX_LIMIT,
        },
        socket_url=core.tickets.socket_url(request.url.scheme, request.url.hostname),
    )


@get("/healthz", media_type=MediaType.TEXT, include_in_schema=False)
async def healthz() -> str:
    return "ok\n"


@get("/readyz", media_type=MediaType.TEXT, include_in_schema=False)
async def readyz(core: FromCore) -> Response[str]:
    reason = await core.unready()
    return Response(f"{reason or 'ready'}\n", status_code=503 if reason else 200)


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def metrics() -> Response[bytes]:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


router = Router("/", route_handlers=[get_info], tags=["About"])
probes = [healthz, readyz, metrics]
