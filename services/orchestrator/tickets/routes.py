"""/tickets"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, post

from ..core import FromCore
from ..responses import problems, render
from .schemas import TicketView


@post("/", status_code=201, responses=problems(401, 503), summary="Get a ticket for one socket")
async def issue_ticket(core: FromCore, request: Request[Any, Any, Any]) -> Response[TicketView]:
    """Short-lived and good for one connection; a reconnecting client asks for a new one."""
    url = core.tickets.socket_url(request.url.scheme, request.url.hostname)
    issued = await core.tickets.issue(request.user, url)
    return render(issued, 201, {"Cache-Control": "no-store"})


router = Router("/tickets", route_handlers=[issue_ticket], tags=["Sockets"])
