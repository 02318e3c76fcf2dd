"""The page for every address of the user interface, and its assets. Anything else is no page."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from ..core import FromCore
from .files import Asset
from .policy import NONCE_MARK, security_headers

# First segments of the addresses that frontend/src/app/router.tsx knows.
SECTIONS: Final = ("flows", "runs", "inbox", "settings")
PAGES: Final = [
    "/",
    *(f"/{section}" for section in SECTIONS),
    *(f"/{section}/{{rest:path}}" for section in SECTIONS),
]
FOR_EVER: Final = "public, max-age=31536000, immutable"

ApiRequest = Request[Any, Any, Any]


@route(
    PAGES, http_method=["GET", "HEAD"], status_code=200, include_in_schema=False,
    sync_to_thread=False,
)  # fmt: skip
def page(core: FromCore, request: ApiRequest) -> Response[bytes]:
    """The one page; which screen it shows is decided in the browser. A fresh nonce each time."""
    build = core.site.build()
    source = build.page if build else _absent()
    nonce = secrets.token_urlsafe(18)
    socket_url = core.tickets.socket_url(request.url.scheme, request.url.hostname)
    headers = security_headers(nonce, socket_url) | {"Cache-Control": "no-cache"}
    body = source.replace(NONCE_MARK, nonce).encode()
    return Response(body, media_type="text/html", headers=headers)


def _absent() -> str:
    return files(__package__).joinpath("absent.html").read_text(encoding="utf-8")


@route(
    "/assets/{name:str}", http_method=["GET", "HEAD"], status_code=200, include_in_schema=False,
    sync_to_thread=False,
)  # fmt: skip
def asset(core: FromCore, request: ApiRequest, name: FromPath[str]) -> Response[bytes]:
    """A file of the build. Its name holds its hash, so it never changes."""
    build = core.site.build()
    if build is None or name not in build.assets:
        raise NotFoundException("there is no such asset")
    return _render(build.assets[name], request.headers.get("accept-encoding", ""))


def _render(found: Asset, accepted: str) -> Response[bytes]:
    headers = {
        "Cache-Control": FOR_EVER,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if found.gzipped is not None and "gzip" in accepted:
        headers["Content-Encoding"] = "gzip"
        return Response(found.gzipped, media_type=found.media_type, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


handlers = [page, asset]
