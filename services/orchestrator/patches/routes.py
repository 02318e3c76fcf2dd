"""/runs/{id}/patches"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, HeaderParameter

from minuet.store.page import DEFAULT_LIMIT
from minuet.views.schemas import CommandView

from ..bodies import read_body
from ..core import FromCore
from ..responses import answers, problems, render
from ..runs.parameters import Cursor, Key, Limit
from ..runs.starting import check_key
from .schemas import PatchBody, PatchPage, PatchView

ApiRequest = Request[Any, Any, Any]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="Digest of the document the patch was made on"),
]


@get("/{run_id:str}/patches", responses=problems(401, 404, 503), summary="List patches of a run")
async def list_patches(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> PatchPage:
    """Every attempt, applied and refused, with what it changes and why it was refused."""
    return await core.patches.listed(request.user, run_id, cursor=cursor, limit=limit)


@post(
    "/{run_id:str}/patches",
    status_code=200,
    responses=problems(401, 404, 409, 412, 413, 415, 422, 503) | answers(s202=CommandView),
    opt={"body": PatchBody},
    summary="Patch a live run",
)
async def patch_run(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    idempotency_key: Key = None,
    if_match: IfMatch = None,
) -> Response[PatchView] | Response[CommandView]:
    """Change the document that a run follows: accepted whole or refused whole, with the reasons.
    200 when it is recorded as applied; 202 with the address of the command if that takes longer
    than ten seconds. `dry_run` answers what would change."""
    body = await read_body(request, PatchBody, limit=core.settings.max_body_bytes)
    base = if_match.strip().removeprefix("W/").strip('"') if if_match else None
    answer = await core.patches.apply(
        request.user, run_id, body, key=check_key(idempotency_key), base=base
    )
    if isinstance(answer, CommandView):
        where = f"/api/v1/runs/{answer.run}/commands/{answer.number}"
        return render(answer, 202, {"Location": where})
    return render(answer, 200)


router = Router("/runs", route_handlers=[list_patches, patch_run], tags=["Patches"])
