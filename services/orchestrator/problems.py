"""Problem documents (RFC 9457): one table from codes to statuses, one handler for every error."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from minuet.model.errors import (
    InvalidDocument,
    InvalidInput,
    InvalidInputs,
    MinuetError,
    Overloaded,
    PatchError,
)

from .errors import (
    AlreadyDecided,
    CommandRefused,
    InvalidPayload,
    LimitReached,
    PatchRefused,
    PreconditionFailed,
    RunEnded,
    RunGoesOn,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
BASE: Final = "/problems/"
MAX_ERRORS: Final = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """One problem type: the last part of its URI reference, its status and title."""

    slug: str
    status: int
    title: str


KINDS: Final = {
    "invalid_input": Kind("invalid-request", 400, "The request is not valid"),
    "malformed_body": Kind("malformed-body", 400, "The body cannot be parsed"),
    "unauthorized": Kind("unauthorized", 401, "A valid API key is required"),
    "forbidden": Kind("forbidden", 403, "You may not do this"),
    "not_found": Kind("not-found", 404, "There is no such thing"),
    "method_not_allowed": Kind("method-not-allowed", 405, "The method is not supported here"),
    "conflict": Kind("conflict", 409, "The thing is in another state"),
    "limit_reached": Kind("limit-reached", 409, "As many runs as are allowed go on already"),
    "run_goes_on": Kind("run-goes-on", 409, "The run has not ended"),
    "run_ended": Kind("run-ended", 409, "The run has ended"),
    "command_refused": Kind("command-refused", 409, "The run cannot take the command now"),
    "already_decided": Kind("already-decided", 409, "The approval is closed"),
    "patch_refused": Kind("patch-refused", 409, "The run cannot take the patch"),
    "precondition_failed": Kind("precondition-failed", 412, "Somebody else changed it meanwhile"),
    "too_large": Kind("too-large", 413, "A limit on size is passed"),
    "unsupported_media_type": Kind("unsupported-media-type", 415, "The content type is not taken"),
    "invalid_body": Kind("invalid-body", 422, "The body has another shape than expected"),
    "invalid_document": Kind("invalid-document", 422, "The workflow document does not compile"),
    "invalid_inputs": Kind("invalid-inputs", 422, "The inputs miss the workflow's schema"),
    "invalid_patch": Kind("invalid-patch", 422, "An operation of the patch cannot be applied"),
    "invalid_payload": Kind("invalid-payload", 422, "The payload does not fit the form"),
    "idempotency_key_reused": Kind(
        "idempotency-key-reused", 422, "The idempotency key belongs to another request"
    ),
    "precondition_required": Kind("precondition-required", 428, "If-Match is required"),
    "internal": Kind("internal", 500, "The server failed"),
    "unavailable": Kind("unavailable", 503, "A server behind the API is away"),
    "bus_unavailable": Kind("bus-unavailable", 503, "Redis is away"),
    "store_unavailable": Kind("store-unavailable", 503, "Postgres is away"),
    "overloaded": Kind("overloaded", 503, "Too much work is waiting"),
}

_CODES_OF_STATUS: Final = {
    400: "invalid_input", 401: "unauthorized", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type", 422: "invalid_body",
}  # fmt: skip


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One offending field: `pointer` into the body, or the name of a `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Decided(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an approval was closed: `status` is approved, rejected, expired or cancelled."""

    status: str
    at: datetime | None = None
    by: str | None = None
    comment: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every answer of 400 and above. `incident` is in the log of a 500, `reason` says
    why a command or a patch was refused."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    errors: list[Fault] = []
    run_status: str | None = None
    decided: Decided | None = None
    holders: list[str] | None = None
    reason: str | None = None
    incident: str | None = None


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The exception handler of the whole application."""
    if isinstance(error, MinuetError) and error.code in KINDS:
        return _respond(request, error.code, str(error), error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _respond(request, _code_of(error), error.detail, error)
    return _incident(request, error)


def _code_of(error: HTTPException) -> str:
    if isinstance(error, ValidationException):
        return "invalid_input"
    return _CODES_OF_STATUS.get(error.status_code, "invalid_input")


def _incident(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    incident = secrets.token_hex(8)
    log.error(
        "request_failed", incident=incident, method=request.method, path=request.url.path,
        exc_info=error,
    )  # fmt: skip
    return _respond(request, "internal", f"incident {incident}", error, incident=incident)


def _respond(
    request: Request[Any, Any, Any],
    code: str,
    detail: str,
    error: Exception,
    incident: str | None = None,
) -> Response[bytes]:
    kind = KINDS[code]
    problem = Problem(
        type=BASE + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=request.url.path,
        errors=_faults(error)[:MAX_ERRORS],
        run_status=error.status if isinstance(error, RunEnded | RunGoesOn) else None,
        decided=_decided(error),
        holders=error.holders if isinstance(error, LimitReached) else None,
        reason=error.reason if isinstance(error, PatchRefused | CommandRefused) else None,
        incident=incident,
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers=_headers(error, kind.status),
    )


def _decided(error: Exception) -> Decided | None:
    if not isinstance(error, AlreadyDecided):
        return None
    return Decided(error.status, error.at, error.by, error.comment)


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="minuet"'
    if status == 503:
        seconds = error.retry_after_s if isinstance(error, Overloaded) else 1
        headers["Retry-After"] = str(math.ceil(seconds))
    if isinstance(error, PreconditionFailed):
        headers["ETag"] = error.etag
    if isinstance(error, HTTPException) and "Allow" in (error.headers or {}):
        headers["Allow"] = (error.headers or {})["Allow"]
    return headers


def _faults(error: Exception) -> list[Fault]:
    if isinstance(error, InvalidDocument):
        return [
            Fault(diagnostic.message, pointer=f"/document{diagnostic.path}")
            for diagnostic in error.diagnostics
            if diagnostic.severity == "error"
        ]
    if isinstance(error, InvalidInputs):
        return [Fault(message, pointer=f"/inputs{at}") for at, message in error.faults]
    if isinstance(error, InvalidPayload):
        return [Fault(message, pointer=f"/payload{at}") for at, message in error.faults]
    if isinstance(error, PatchRefused):
        return [Fault(fault, pointer="/operations") for fault in error.faults]
    if isinstance(error, PatchError):
        return [Fault(error.reason, pointer=f"/operations/{error.index}")]
    if isinstance(error, InvalidInput) and error.pointer is not None:
        return [_fault(error.pointer, str(error))]
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return [_parameter_fault(entry) for entry in error.extra]
    return []


def _fault(pointer: str, message: str) -> Fault:
    """`?name` points to a query parameter, `name:` to a header, the rest into the body."""
    if pointer.startswith("?"):
        return Fault(message, parameter=pointer[1:])
    if pointer.endswith(":"):
        return Fault(message, parameter=pointer[:-1])
    return Fault(message, pointer=pointer)


def _parameter_fault(entry: Any) -> Fault:
    if not isinstance(entry, dict):
        return Fault(str(entry))
    return Fault(str(entry.get("message", "not valid")), parameter=entry.get("key"))
