"""The description of the API: Litestar's, with the bodies that this service parses itself."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from minuet import __version__

from .page import render_page

CONFIG: Final = OpenAPIConfig(
    title="Minuet",
    version=__version__,
    description="Workflows in which HTTP services, Python code, people and agents take turns.",
    security=[{"key": []}],
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="http", scheme="bearer", description="An API key")
        }
    ),
    use_handler_docstrings=True,
    render_plugins=(),
)


def describe(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document of the application."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    schemas = document["components"].setdefault("schemas", {})
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if "body" in handler.opt:
                operation = document["paths"][route.path_format]
                _add_body(operation, handler, schemas)
    return document


def _add_body(path: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]) -> None:
    shape = handler.opt["body"]
    (reference,), defined = msgspec.json.schema_components(
        [shape], ref_template="#/components/schemas/{name}"
    )
    schemas.update(defined)
    content: dict[str, Any] = {"application/json": {"schema": reference}}
    if handler.opt.get("yaml"):
        content["application/yaml"] = {"schema": {"type": "object"}}
    for method in handler.http_methods:
        path[method.lower()]["requestBody"] = {
            "required": not handler.opt.get("optional", False),
            "content": content,
        }


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    return Response(_document(request.app), media_type="application/json")


@get("/docs", include_in_schema=False, sync_to_thread=False)
def docs(request: Request[Any, Any, Any]) -> Response[str]:
    page = render_page(msgspec.json.decode(_document(request.app)))
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(page, media_type="text/html", headers=headers)


def _document(app: Litestar) -> bytes:
    """Made once: the application does not change while it runs."""
    if "openapi" not in app.state:
        app.state.openapi = msgspec.json.encode(describe(app))
    document: bytes = app.state.openapi
    return document
