"""/blobs"""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.params import FromPath

from minuet.model.errors import NotFound

from ..core import FromCore
from ..responses import problems

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@get(
    "/{digest:str}",
    responses=problems(401, 404, 503),
    media_type="application/json",
    summary="Get a blob",
)
async def get_blob(
    core: FromCore, request: Request[Any, Any, Any], digest: FromPath[str]
) -> Response[bytes]:
    """The JSON value with this digest (`sha256:` and 64 hex digits). It never changes."""
    data = None
    if _DIGEST.fullmatch(digest):
        data = await core.cas.get(request.user.tenant, digest)
    if data is None:
        raise NotFound(f"there is no blob {digest!r}")
    headers = {"ETag": f'"{digest}"', "Cache-Control": "private, max-age=31536000, immutable"}
    return Response(data, media_type="application/json", headers=headers)


router = Router("/blobs", route_handlers=[get_blob], tags=["Blobs"])
