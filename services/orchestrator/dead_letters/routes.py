"""/dead-letters"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.params import PathParameter, QueryParameter

from minuet.store.page import DEFAULT_LIMIT
from minuet.views.dead_letters import DeadLetterPage, DeadLetterView, SettledList
from minuet.views.retries import RetryView
from minuet.views.schemas import Accepted

from ..bodies import check_media_type, convert, parse_strictly, read_body, read_bytes
from ..core import FromCore
from ..responses import answers, problems, render
from ..retries.schemas import RetryBody
from ..runs.parameters import Cursor, Limit
from .schemas import ManyBody

ApiRequest = Request[Any, Any, Any]
LetterId = Annotated[int, PathParameter(ge=1, le=2**53)]


@get("/", responses=problems(401, 503), summary="List dead letters")
async def list_dead_letters(
    core: FromCore,
    request: ApiRequest,
    status: Annotated[str, QueryParameter(description="open, retried or discarded")] = "open",
    workflow: Annotated[
        str | None, QueryParameter(description="Only those of this workflow's runs")
    ] = None,
    reason: Annotated[str | None, QueryParameter(description="Only those with this reason")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> DeadLetterPage:
    """What could not be done and was put aside with its cause, newest first."""
    return await core.dead_letters.lines(
        request.user, status=status, workflow=workflow, reason=reason, cursor=cursor, limit=limit
    )


@get("/{letter:int}", responses=problems(401, 404, 503), summary="Show a dead letter")
async def get_dead_letter(
    core: FromCore, request: ApiRequest, letter: LetterId
) -> Response[DeadLetterView]:
    """One dead letter, settled or not."""
    return render(await core.dead_letters.show(request.user, letter), 200)


@post(
    "/{letter:int}/retry",
    status_code=202,
    responses=problems(401, 404, 409, 413, 415, 422, 503) | answers(s200=RetryView),
    opt={"body": RetryBody, "optional": True},
    summary="Retry a dead letter",
)
async def retry_dead_letter(
    core: FromCore, request: ApiRequest, letter: LetterId
) -> Response[Accepted] | Response[RetryView]:
    """Retry its run, as `POST /runs/{id}/retry` does; the letter is settled by the new run. The
    same request again gives the same run. 409 for a letter without a run, or settled otherwise."""
    data = await read_bytes(request, core.settings.max_body_bytes)
    body = RetryBody()
    if data:
        check_media_type(request, "application/json")
        body = convert(parse_strictly(data), RetryBody)
    if body.dry_run:
        return render(await core.dead_letters.preview(request.user, letter, body), 200)
    accepted = await core.dead_letters.retry(
        request.user, letter, body, traceparent=request.headers.get("traceparent")
    )
    return render(accepted, 202, {"Location": f"/api/v1/runs/{accepted.id}"})


@post(
    "/{letter:int}/discard",
    status_code=200,
    responses=problems(401, 404, 409, 503),
    summary="Discard a dead letter",
)
async def discard_dead_letter(
    core: FromCore, request: ApiRequest, letter: LetterId
) -> Response[DeadLetterView]:
    """Let it be: it leaves the open list, and says who did that when. Harmless when repeated."""
    return render(await core.dead_letters.discard(request.user, letter), 200)


@post(
    "/retry",
    status_code=200,
    responses=problems(401, 413, 415, 422, 503),
    opt={"body": ManyBody},
    summary="Retry many dead letters",
)
async def retry_dead_letters(core: FromCore, request: ApiRequest) -> Response[SettledList]:
    """Retry several, with one answer each; what is refused keeps no other back."""
    body = await read_body(request, ManyBody, limit=core.settings.max_body_bytes)
    return render(await core.dead_letters.retry_many(request.user, body), 200)


@post(
    "/discard",
    status_code=200,
    responses=problems(401, 413, 415, 422, 503),
    opt={"body": ManyBody},
    summary="Discard many dead letters",
)
async def discard_dead_letters(core: FromCore, request: ApiRequest) -> Response[SettledList]:
    """Discard several, with one answer each."""
    body = await read_body(request, ManyBody, limit=core.settings.max_body_bytes)
    return render(await core.dead_letters.discard_many(request.user, body), 200)


router = Router(
    "/dead-letters",
    route_handlers=[
        list_dead_letters, get_dead_letter, retry_dead_letter, discard_dead_letter,
        retry_dead_letters, discard_dead_letters,
    ],
    tags=["Dead letters"],
)  # fmt: skip
