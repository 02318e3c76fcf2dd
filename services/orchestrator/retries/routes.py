"""/runs/{id}/retry"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, post
from litestar.params import FromPath

from minuet.views.retries import RetryView
from minuet.views.schemas import Accepted

from ..bodies import check_media_type, convert, parse_strictly, read_bytes
from ..core import FromCore
from ..responses import answers, problems, render
from ..runs.parameters import Key
from ..runs.starting import asking_for
from .schemas import RetryBody


@post(
    "/{run_id:str}/retry",
    status_code=202,
    responses=problems(401, 404, 409, 413, 415, 422, 503) | answers(s200=RetryView),
    opt={"body": RetryBody, "optional": True},
    summary="Retry an ended run",
)
async def retry_run(
    core: FromCore,
    request: Request[Any, Any, Any],
    run_id: FromPath[str],
    idempotency_key: Key = None,
) -> Response[Accepted] | Response[RetryView]:
    """Start a new run that takes over what stands of this one: 202 as soon as it stands in
    Postgres. With `dry_run` 200 and what would be taken over, run again, and cost. 409 while the
    run has not ended."""
    data = await read_bytes(request, core.settings.max_body_bytes)
    body = RetryBody()
    if data:
        check_media_type(request, "application/json")
        body = convert(parse_strictly(data), RetryBody)
    if body.dry_run:
        return render(await core.retrier.preview(request.user, run_id, body), 200)
    asking = asking_for(
        ["retry", run_id, body],
        key=idempotency_key,
        traceparent=request.headers.get("traceparent"),
    )
    accepted = await core.retrier.retry(request.user, run_id, body, asking)
    return render(accepted, 202, {"Location": f"/api/v1/runs/{accepted.id}"})


router = Router("/runs", route_handlers=[retry_run], tags=["Runs"])
