"""/workflows"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import FromPath, HeaderParameter, PathParameter, QueryParameter

from minuet.model.errors import InvalidInput
from minuet.model.yaml import parse_yaml
from minuet.store.page import DEFAULT_LIMIT, MAX_LIMIT
from minuet.views.workflows import Verdict, VersionPage, WorkflowPage

from ..bodies import check_media_type, convert, parse_strictly, read_bytes
from ..core import FromCore
from ..errors import MalformedBody, PreconditionRequired
from ..responses import answers, problems, render
from .schemas import Applied, DocumentBody, VersionView

ApiRequest = Request[Any, Any, Any]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="Most items of a page")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before")]
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="ETag of the version that is replaced")
]

YAML = ("application/yaml", "application/x-yaml", "text/yaml")


async def _document(request: ApiRequest, core: FromCore) -> tuple[Any, int]:
    """The document and the size of its text: `{"document": ...}`, or the bare document as YAML."""
    data = await read_bytes(request, core.settings.max_body_bytes)
    if check_media_type(request, "application/json", *YAML) == "application/json":
        return convert(parse_strictly(data), DocumentBody).document, len(data)
    try:
        return parse_yaml(data), len(data)
    except InvalidInput as error:
        raise MalformedBody(str(error)) from error


@post(
    "/",
    responses=problems(401, 413, 415, 422, 503) | answers(s200=Applied),
    opt={"body": DocumentBody, "yaml": True},
    summary="Apply a workflow",
)
async def apply_workflow(core: FromCore, request: ApiRequest) -> Response[Applied]:
    """Make the document the latest version of the workflow that it names.

    201 for a new version, 200 if this very document is a version already.
    """
    document, size = await _document(request, core)
    applied, etag, new = await core.workflows.apply(request.user, document, size)
    return render(applied, 201 if new else 200, _etag(etag))


@put(
    "/{name:str}",
    responses=problems(401, 404, 412, 413, 415, 422, 428, 503),
    opt={"body": DocumentBody, "yaml": True},
    summary="Replace a workflow",
)
async def replace_workflow(
    core: FromCore, request: ApiRequest, name: FromPath[str], if_match: IfMatch = None
) -> Response[Applied]:
    """Make the document the latest version, if the latest one is still that of `If-Match`."""
    if if_match is None:
        raise PreconditionRequired("send the version's ETag in If-Match", pointer="If-Match:")
    document, size = await _document(request, core)
    applied, etag, _ = await core.workflows.apply(
        request.user, document, size, name=name, if_match=if_match
    )
    return render(applied, 200, _etag(etag))


@post(
    "/validate",
    status_code=200,
    responses=problems(401, 413, 415, 422, 503),
    opt={"body": DocumentBody, "yaml": True},
    summary="Validate a document",
)
async def validate(core: FromCore, request: ApiRequest) -> Verdict:
    """Compile the document without storing it. Paths of diagnostics point into the document."""
    document, size = await _document(request, core)
    return await core.workflows.validate(request.user, document, size)


@get("/", responses=problems(401, 503), summary="List workflows")
async def list_workflows(
    core: FromCore, request: ApiRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> WorkflowPage:
    """The workflows, the last changed first."""
    return await core.workflows.lines(request.user, cursor, limit)


@get("/{name:str}", responses=problems(401, 404, 503), summary="Show a workflow")
async def get_workflow(
    core: FromCore, request: ApiRequest, name: FromPath[str]
) -> Response[VersionView]:
    """The latest version with its document; its ETag is what `PUT` wants in `If-Match`."""
    shown, etag = await core.workflows.show(request.user, name, None)
    return render(shown, 200, _etag(etag))


@get("/{name:str}/versions", responses=problems(401, 404, 503), summary="List versions")
async def list_versions(
    core: FromCore,
    request: ApiRequest,
    name: FromPath[str],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> VersionPage:
    """The versions of a workflow, newest first, without their documents."""
    return await core.workflows.versions(request.user, name, cursor, limit)


@get(
    "/{name:str}/versions/{version:int}",
    responses=problems(401, 404, 503),
    summary="Show a version",
)
async def get_version(
    core: FromCore,
    request: ApiRequest,
    name: FromPath[str],
    version: Annotated[int, PathParameter(ge=1, le=999_999_999)],
) -> Response[VersionView]:
    """One version with its document."""
    shown, etag = await core.workflows.show(request.user, name, version)
    return render(shown, 200, _etag(etag))


@delete("/{name:str}", responses=problems(401, 404, 412, 503), summary="Delete a workflow")
async def delete_workflow(
    core: FromCore, request: ApiRequest, name: FromPath[str], if_match: IfMatch = None
) -> None:
    """Hide the workflow from lists and starts. Its runs go on; applying it again brings it back."""
    await core.workflows.delete(request.user, name, if_match)


def _etag(digest: str) -> dict[str, str]:
    return {"ETag": f'"{digest}"'}


router = Router(
    "/workflows",
    route_handlers=[
        apply_workflow, replace_workflow, validate, list_workflows, get_workflow, list_versions,
        get_version, delete_workflow,
    ],
    tags=["Workflows"],
)  # fmt: skip
