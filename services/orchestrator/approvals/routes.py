"""/approvals"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, QueryParameter

from minuet.store.page import DEFAULT_LIMIT
from minuet.views.approvals import ApprovalPage, ApprovalView
from minuet.views.schemas import CommandView

from ..bodies import read_body
from ..core import FromCore
from ..responses import answers, problems, render
from ..runs.parameters import Cursor, Key, Limit
from ..runs.starting import check_key
from .schemas import DecisionBody

ApiRequest = Request[Any, Any, Any]


@get("/", responses=problems(401, 503), summary="List approvals")
async def list_approvals(
    core: FromCore,
    request: ApiRequest,
    status: Annotated[
        list[str] | None, QueryParameter(description="Only approvals in one of these states")
    ] = None,
    workflow: Annotated[
        str | None, QueryParameter(description="Only approvals of this workflow")
    ] = None,
    run: Annotated[str | None, QueryParameter(description="Only approvals of this run")] = None,
    mine: Annotated[
        bool, QueryParameter(description="Only what you, your groups, or everybody is asked")
    ] = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ApprovalPage:
    """Approvals without payloads, the newest question first."""
    return await core.approvals.lines(
        request.user, status=status or [], workflow=workflow, run=run, mine=mine, cursor=cursor,
        limit=limit,
    )  # fmt: skip


@get("/{approval_id:str}", responses=problems(401, 404, 503), summary="Show an approval")
async def get_approval(
    core: FromCore, request: ApiRequest, approval_id: FromPath[str]
) -> Response[ApprovalView]:
    """One approval with what is proposed and, once it is closed, what was decided."""
    return render(await core.approvals.show(request.user, approval_id), 200)


@post(
    "/{approval_id:str}/decision",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413, 415, 422, 503) | answers(s202=CommandView),
    opt={"body": DecisionBody},
    summary="Decide an approval",
)
async def decide_approval(
    core: FromCore, request: ApiRequest, approval_id: FromPath[str], idempotency_key: Key = None
) -> Response[ApprovalView] | Response[CommandView]:
    """200 when it is recorded that this decision closed the approval, also if you send it again;
    409 with who, what and when if anything else did; 202 with the address of the command if
    neither is recorded within ten seconds."""
    body = await read_body(request, DecisionBody, limit=core.settings.max_body_bytes)
    answer = await core.approvals.decide(
        request.user, approval_id, body, key=check_key(idempotency_key)
    )
    if isinstance(answer, CommandView):
        where = f"/api/v1/runs/{answer.run}/commands/{answer.number}"
        return render(answer, 202, {"Location": where})
    return render(answer, 200)


router = Router(
    "/approvals",
    route_handlers=[list_approvals, get_approval, decide_approval],
    tags=["Approvals"],
)
