"""/runs/{id}: cancel, pause, resume, and messages."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from litestar import Request, Response, post
from litestar.params import FromPath, PathParameter

from minuet.model.canonical import canonical_json
from minuet.model.errors import TooLarge
from minuet.views.schemas import CommandView

from ..bodies import check_media_type, convert, parse_strictly, read_bytes
from ..core import FromCore
from ..responses import answers, problems, render
from .parameters import Key
from .schemas import CancelBody, MessageBody, ReasonBody
from .starting import check_key

ApiRequest = Request[Any, Any, Any]
T = TypeVar("T")

MESSAGE_BYTES: Final = 64 * 1024
ORDERS: Final = problems(401, 404, 409, 413, 415, 422, 503) | answers(s202=CommandView)
MessageName = Annotated[
    str,
    PathParameter(
        pattern="^[a-z][a-z0-9_.-]*$", max_length=128, description="What a `wait` node waits for"
    ),
]


@post(
    "/{run_id:str}/cancel",
    status_code=200,
    responses=ORDERS,
    opt={"body": CancelBody, "optional": True},
    summary="Cancel a run",
)
async def cancel_run(
    core: FromCore, request: ApiRequest, run_id: FromPath[str], idempotency_key: Key = None
) -> Response[CommandView]:
    """200 when it is recorded, with the run's `status`: `cancelling` while workers let go of what
    they have in hand, `cancelled` after that; again while it is cancelling changes nothing. 409 if
    the run had ended before or ends in another way, and 202 with the address of the command if
    neither is recorded within ten seconds."""
    body = await _optional_body(request, CancelBody, core.settings.max_body_bytes)
    command, recorded = await core.commander.cancel(
        request.user,
        run_id,
        data={"reason": body.reason} if body.reason else {},
        key=check_key(idempotency_key),
    )
    return _answer(command, recorded=recorded)


@post(
    "/{run_id:str}/pause",
    status_code=200,
    responses=ORDERS,
    opt={"body": ReasonBody, "optional": True},
    summary="Pause a run",
)
async def pause_run(
    core: FromCore, request: ApiRequest, run_id: FromPath[str], idempotency_key: Key = None
) -> Response[CommandView]:
    """200 when it is recorded that nothing of the run is dispatched any more; what workers have in
    hand goes on, and timers and answers still count. 409 if it is paused already, or ends."""
    return await _order(core, request, run_id, "pause", idempotency_key)


@post(
    "/{run_id:str}/resume",
    status_code=200,
    responses=ORDERS,
    opt={"body": ReasonBody, "optional": True},
    summary="Resume a run",
)
async def resume_run(
    core: FromCore, request: ApiRequest, run_id: FromPath[str], idempotency_key: Key = None
) -> Response[CommandView]:
    """200 when it is recorded that the run goes on; 409 if it is not paused."""
    return await _order(core, request, run_id, "resume", idempotency_key)


async def _order(
    core: FromCore, request: ApiRequest, run: str, name: str, key: str | None
) -> Response[CommandView]:
    body = await _optional_body(request, ReasonBody, core.settings.max_body_bytes)
    data = {"reason": body.reason} if body.reason else {}
    command, recorded = await core.commander.order(
        request.user, run, name, data=data, key=check_key(key)
    )
    return _answer(command, recorded=recorded)


@post(
    "/{run_id:str}/messages/{name:str}",
    status_code=200,
    responses=ORDERS,
    opt={"body": MessageBody, "optional": True},
    summary="Send a message to a run",
)
async def send_message(
    core: FromCore,
    request: ApiRequest,
    run_id: FromPath[str],
    name: MessageName,
    idempotency_key: Key = None,
) -> Response[CommandView]:
    """200 when it is recorded: it ended the first `wait` node that waits for this name, or is kept
    for the next one. 409 if the run has ended or a hundred messages are kept for it already."""
    body = await _optional_body(request, MessageBody, MESSAGE_BYTES)
    size = len(canonical_json(body.data))
    if size > MESSAGE_BYTES:
        raise TooLarge(
            f"the message has {size} bytes; the limit is {MESSAGE_BYTES}", pointer="/data"
        )
    command, recorded = await core.commander.order(
        request.user,
        run_id,
        "message",
        data={"name": name, "data": body.data, "by": request.user.id},
        key=check_key(idempotency_key),
    )
    return _answer(command, recorded=recorded)


async def _optional_body(request: ApiRequest, shape: type[T], limit: int) -> T:
    """No body at all counts as an empty one."""
    data = await read_bytes(request, limit)
    if not data:
        return shape()
    check_media_type(request, "application/json")
    return convert(parse_strictly(data), shape)


def _answer(command: CommandView, *, recorded: bool) -> Response[CommandView]:
    headers = {"Location": f"/api/v1/runs/{command.run}/commands/{command.number}"}
    return render(command, 200 if recorded else 202, headers)


handlers = [cancel_run, pause_run, resume_run, send_message]
