"""DELETE /runs/{id}"""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, delete
from litestar.params import FromPath

from ..core import FromCore
from ..responses import problems


@delete(
    "/{run_id:str}",
    status_code=204,
    responses=problems(401, 403, 404, 409, 503),
    summary="Delete a run",
)
async def delete_run(
    core: FromCore, request: Request[Any, Any, Any], run_id: FromPath[str]
) -> None:
    """Delete a run that has ended, for good: its child runs, history, logs, approvals, patches and
    dead letters, and the outputs that nothing else names. 409 while it, or a child run of it, goes
    on: cancel it first. A run that was started from it again stays."""
    await core.deleter.delete_asked(request.user, run_id)


router = Router("/runs", route_handlers=[delete_run], tags=["Runs"])
