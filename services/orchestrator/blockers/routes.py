"""/runs/{id}/blockers"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, get
from litestar.params import FromPath

from minuet.views.blockers import Blockers

from ..core import FromCore
from ..responses import problems, render

ApiRequest = Request[Any, Any, Any]


@get(
    "/{run_id:str}/blockers",
    responses=problems(401, 404, 503),
    summary="Why a run does not move",
)
async def get_blockers(
    core: FromCore, request: ApiRequest, run_id: FromPath[str]
) -> Response[Blockers]:
    """One reason for each live token of a run: at most 200 of them, those that are in the way
    first, and how many tokens share each reason."""
    return render(await core.why_not.blockers(request.user, run_id), 200)


router = Router("/runs", route_handlers=[get_blockers], tags=["Runs"])
