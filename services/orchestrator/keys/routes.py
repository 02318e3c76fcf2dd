"""/keys"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath

from minuet.store.page import DEFAULT_LIMIT
from minuet.views.keys import KeyPage, KeyView, MadeKey

from ..bodies import read_body
from ..core import FromCore
from ..responses import problems, render
from ..runs.parameters import Cursor, Limit
from .schemas import KeyBody

ApiRequest = Request[Any, Any, Any]


@post(
    "/",
    status_code=201,
    responses=problems(401, 403, 409, 413, 415, 422, 503),
    opt={"body": KeyBody},
    summary="Make a key",
)
async def make_key(core: FromCore, request: ApiRequest) -> Response[MadeKey]:
    """For administrators, within their tenant. The answer alone tells the secret. The id of a
    revoked key may be used again: the same principal then has another secret."""
    body = await read_body(request, KeyBody, limit=core.settings.max_body_bytes)
    made = await core.keys.make(request.user, body)
    return render(made, 201, {"Cache-Control": "no-store"})


@get("/", responses=problems(401, 403, 503), summary="List keys")
async def list_keys(
    core: FromCore, request: ApiRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> KeyPage:
    """For administrators: the keys of their tenant by id, revoked ones too, without secrets."""
    return await core.keys.listed(request.user, cursor=cursor, limit=limit)


@delete(
    "/{key_id:str}",
    status_code=200,
    responses=problems(401, 403, 404, 409, 503),
    summary="Revoke a key",
)
async def revoke_key(
    core: FromCore, request: ApiRequest, key_id: FromPath[str]
) -> Response[KeyView]:
    """For administrators. Within ten seconds it is good nowhere any more; not the key in use."""
    return render(await core.keys.revoke(request.user, key_id), 200)


router = Router("/keys", route_handlers=[make_key, list_keys, revoke_key], tags=["Keys"])
