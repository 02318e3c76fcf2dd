"""/runs"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, HeaderParameter, PathParameter, QueryParameter

from minuet.model.errors import InvalidInput
from minuet.model.status import NODE_STATUS_BY_WORD
from minuet.store.page import DEFAULT_LIMIT
from minuet.views.schemas import (
    Accepted,
    CommandView,
    EventPage,
    LivePage,
    LogPage,
    NodeView,
    RunPage,
    RunView,
)

from ..bodies import check_media_type, convert, parse_strictly, read_bytes
from ..core import FromCore
from ..responses import answers, problems, render
from .control import handlers as control
from .parameters import Cursor, Key, Limit
from .schemas import NodePage, StartBody, TurnPage

ApiRequest = Request[Any, Any, Any]
EventLimit = Annotated[int, QueryParameter(ge=1, le=1000, description="Most events of a page")]

MAX_WAIT_S: Final = 60.0
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")


@post(
    "/",
    status_code=202,
    responses=problems(401, 404, 409, 413, 415, 422, 503) | answers(s200=RunView),
    opt={"body": StartBody},
    summary="Start a run",
)
async def start_run(
    core: FromCore,
    request: ApiRequest,
    idempotency_key: Key = None,
    prefer: Annotated[
        str | None,
        HeaderParameter(name="Prefer", description="`wait=10`: answer when the run ended"),
    ] = None,
) -> Response[Accepted]:
    """Accept a run. 202 as soon as it stands in Postgres; with `Prefer: wait=N` 200 and the run
    if it ends within N seconds (at most 60)."""
    data = await read_bytes(request, core.settings.max_body_bytes)
    check_media_type(request, "application/json")
    accepted = await core.starter.start(
        request.user,
        convert(parse_strictly(data), StartBody),
        size_bytes=len(data),
        key=idempotency_key,
        traceparent=request.headers.get("traceparent"),
    )
    headers = {"Location": f"/api/v1/runs/{accepted.id}"}
    wait_s = _wait_s(prefer)
    if wait_s:
        headers["Preference-Applied"] = f"wait={wait_s:.0f}"
        ended = await core.recorded.wait(accepted.id, lambda run: run.ended, timeout_s=wait_s)
        if ended is not None:
            shown: Any = await core.runs.show(request.user, accepted.id)
            return render(shown, 200, headers)
    return render(accepted, 202, headers)


def _wait_s(prefer: str | None) -> float:
    match = _WAIT.search(prefer or "")
    return min(float(match[1]), MAX_WAIT_S) if match else 0.0


@get("/", responses=problems(401, 503), summary="List runs")
async def list_runs(
    core: FromCore,
    request: ApiRequest,
    status: Annotated[
        list[str] | None, QueryParameter(description="Only runs in one of these states")
    ] = None,
    workflow: Annotated[
        str | None, QueryParameter(description="Only runs of this workflow")
    ] = None,
    parent: Annotated[
        str | None, QueryParameter(description="The child runs of this run; without it none are")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> RunPage:
    """Runs without payloads, newest first."""
    return await core.runs.lines(
        request.user,
        status=status or [],
        workflow=workflow,
        parent=parent,
        cursor=cursor,
        limit=limit,
    )


@get("/{run_id:str}", responses=problems(401, 404, 503), summary="Show a run")
async def get_run(core: FromCore, request: ApiRequest, run_id: FromPath[str]) -> Response[RunView]:
    """A run with its first 200 nodes, as far as it is recorded."""
    return render(await core.runs.show(request.user, run_id), 200)


@get("/{run_id:str}/nodes", responses=problems(401, 404, 503), summary="List nodes of a run")
async def list_nodes(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    status: Annotated[
        list[str] | None, QueryParameter(description="Only nodes in one of these states")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[NodePage]:
    """The nodes of a run in topological order."""
    nodes = await core.runs.nodes(
        request.user, run_id, status=_node_statuses(status), cursor=cursor, limit=limit
    )
    return render(nodes, 200)


def _node_statuses(words: list[str] | None) -> list[str]:
    known = {*NODE_STATUS_BY_WORD, "running", "cancelling"} - {"armed"}
    for word in words or []:
        if word not in known:
            raise InvalidInput(
                f"{word!r} is no status; there are {', '.join(sorted(known))}", pointer="?status"
            )
    return words or []


@get("/{run_id:str}/nodes/{node:str}", responses=problems(401, 404, 503), summary="Show a node")
async def get_node(
    core: FromCore, request: ApiRequest, run_id: FromPath[str], node: FromPath[str]
) -> Response[NodeView]:
    """One node of a run with its whole output, if that is not a blob."""
    return render(await core.runs.node(request.user, run_id, node), 200)


@get(
    "/{run_id:str}/nodes/{node:str}/logs",
    responses=problems(401, 404, 503),
    summary="Logs of a node",
)
async def get_logs(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    node: FromPath[str],
    limit: EventLimit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> LogPage:
    """What the node's executions logged, oldest first."""
    return await core.runs.logs(request.user, run_id, node, cursor=cursor, limit=limit)


@get(
    "/{run_id:str}/nodes/{node:str}/turns",
    responses=problems(401, 404, 503),
    summary="Turns of an agent",
)
async def get_turns(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    node: FromPath[str],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> TurnPage:
    """What the model behind the node said and called, turn by turn, oldest first; the last one
    as far as it has come. Best effort, beside the history."""
    return await core.runs.turns(request.user, run_id, node, cursor=cursor, limit=limit)


@get("/{run_id:str}/events", responses=problems(401, 404, 503), summary="Events of a run")
async def get_events(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    after: Annotated[
        int, QueryParameter(ge=0, le=2**53, description="Only events above this id")
    ] = 0,
    limit: EventLimit = 100,
    wait: Annotated[
        float,
        QueryParameter(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the first event"),
    ] = 0,
) -> Response[EventPage]:
    """The recorded history of a run, oldest first. With `wait` it is a long poll."""
    events = await core.runs.events(request.user, run_id, after=after, limit=limit, wait_s=wait)
    return render(events, 200)


@get("/{run_id:str}/live", responses=problems(401, 404, 503), summary="Live news of a run")
async def get_live(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    after: Annotated[str | None, QueryParameter(description="`after` of the page before")] = None,
    limit: EventLimit = 100,
) -> LivePage:
    """Logs, starts and progress of nodes since the last look: best effort, beside the history."""
    return await core.runs.live(request.user, run_id, after=after, limit=limit)


@get(
    "/{run_id:str}/document",
    responses=problems(401, 404, 503),
    media_type="application/json",
    summary="Document of a run",
)
async def get_document(
    core: FromCore, request: ApiRequest, run_id: FromPath[str]
) -> Response[bytes]:
    """The document that the run follows."""
    data, digest = await core.runs.document(request.user, run_id)
    return Response(data, media_type="application/json", headers={"ETag": f'"{digest}"'})


@get(
    "/{run_id:str}/commands/{number:int}",
    responses=problems(401, 404, 503),
    summary="Show a command",
)
async def get_command(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    number: Annotated[int, PathParameter(ge=0, le=2**31 - 1)],
) -> CommandView:
    """How far a command of a run has come."""
    return await core.commander.command(request.user, run_id, number)


router = Router(
    "/runs",
    route_handlers=[
        start_run, list_runs, get_run, list_nodes, get_node, get_logs, get_turns, get_events,
        get_live, get_document, get_command, *control,
    ],
    tags=["Runs"],
)  # fmt: skip
