"""From answers to values and errors: one table from problem types to the error tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from minuet.model.diagnostic import Diagnostic
from minuet.model.errors import (
    Conflict,
    InvalidDocument,
    InvalidInput,
    InvalidInputs,
    MinuetError,
    NotFound,
    Overloaded,
    TooLarge,
    Unavailable,
)

from .errors import (
    AlreadyDecided,
    ClientError,
    CommandRefused,
    Forbidden,
    RunEnded,
    RunGoesOn,
    ServerFailed,
    Unauthorized,
)
from .problem import Problem

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

DEFAULT_RETRY_AFTER_S: Final = 1.0
UNAVAILABLE: Final = frozenset({429, 502, 503, 504})
EXCERPT: Final = 200


def decode(response: httpx.Response, shape: type[T]) -> T:
    """The body as `shape`; unknown fields are passed over, so a newer suite can be asked too."""
    try:
        return msgspec.json.decode(response.content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ServerFailed(
            Problem(status=response.status_code, detail=f"not an answer of the API: {exc}")
        ) from exc


def error_of(response: httpx.Response) -> MinuetError:
    """What to raise for an answer of 400 or above. Its `__cause__` carries the problem."""
    problem = problem_of(response)
    if response.status_code in UNAVAILABLE:
        error: MinuetError = Overloaded(problem.message, retry_after_s=retry_after_s(response))
    else:
        error = _ERRORS.get(problem.slug, _by_status)(problem)
    if not isinstance(error, ClientError):
        error.__cause__ = ClientError(problem)
    return error


def problem_of(response: httpx.Response) -> Problem:
    """The problem document, or one made from the status where something else answered."""
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        excerpt = " ".join(response.text.split())[:EXCERPT]
        return Problem(
            title=response.reason_phrase,
            status=response.status_code,
            detail=f"status {response.status_code}: {excerpt or response.reason_phrase}",
        )


def retry_after_s(response: httpx.Response) -> float:
    """`Retry-After` in seconds; a date or nonsense counts as missing."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return DEFAULT_RETRY_AFTER_S


def _invalid_document(problem: Problem) -> MinuetError:
    diagnostics = [
        Diagnostic("error", (fault.pointer or "").removeprefix("/document"), fault.detail)
        for fault in problem.errors
    ]
    return InvalidDocument(diagnostics or [Diagnostic("error", "", problem.message)])


def _invalid_inputs(problem: Problem) -> MinuetError:
    faults = [
        ((fault.pointer or "").removeprefix("/inputs"), fault.detail) for fault in problem.errors
    ]
    return InvalidInputs(faults or [("", problem.message)])


def _invalid_input(kind: type[InvalidInput]) -> Callable[[Problem], MinuetError]:
    def make(problem: Problem) -> MinuetError:
        first = problem.errors[0] if problem.errors else None
        return kind(problem.message, pointer=first.pointer if first else None)

    return make


def _by_status(problem: Problem) -> MinuetError:
    if problem.status == 401:
        return Unauthorized(problem)
    if problem.status == 404:
        return NotFound(problem.message)
    if problem.status >= 500:
        return ServerFailed(problem)
    return ClientError(problem)


_ERRORS: Final[dict[str, Callable[[Problem], MinuetError]]] = {
    "invalid-document": _invalid_document,
    "invalid-inputs": _invalid_inputs,
    "invalid-request": _invalid_input(InvalidInput),
    "invalid-body": _invalid_input(InvalidInput),
    "malformed-body": _invalid_input(InvalidInput),
    "unsupported-media-type": _invalid_input(InvalidInput),
    "not-found": _invalid_input(NotFound),
    "conflict": _invalid_input(Conflict),
    "patch-refused": _invalid_input(Conflict),
    "precondition-failed": _invalid_input(Conflict),
    "idempotency-key-reused": _invalid_input(Conflict),
    "invalid-patch": _invalid_input(InvalidInput),
    "too-large": _invalid_input(TooLarge),
    "invalid-payload": _invalid_input(InvalidInput),
    "run-goes-on": RunGoesOn,
    "run-ended": RunEnded,
    "command-refused": CommandRefused,
    "already-decided": AlreadyDecided,
    "forbidden": Forbidden,
    "unauthorized": Unauthorized,
    "unavailable": lambda problem: Unavailable(problem.message),
}
