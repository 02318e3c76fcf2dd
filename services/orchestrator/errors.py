"""What a caller of the API may do wrong, beyond the errors of the library.

InvalidInput
├── MalformedBody          the body is no strict JSON or YAML
├── InvalidBody            it is, but not of the shape that the operation takes
├── UnsupportedMediaType
├── Unauthorized
├── PreconditionFailed     If-Match names another version; carries the present one
├── PreconditionRequired   If-Match is missing
├── KeyReused              an idempotency key came back with another request
├── Forbidden              the principal may not do this
├── InvalidRetryPatch      an operation of a retry's patch does not fit the run's document
├── InvalidPayload         what was decided on does not fit the approval's form; carries the faults
├── LimitReached           as many runs as the workflow allows go on; carries their ids
├── RunGoesOn              the run has not ended; carries its status
├── RunEnded               the run ended before the command reached it; carries its status
├── CommandRefused         the run is in another state than the command wants; carries the reason
├── PatchRefused           the run cannot take the patch; carries the reason and every fault
└── AlreadyDecided         the approval is closed; carries by whom, how and when
"""

from __future__ import annotations

from datetime import datetime

from minuet.model.errors import Conflict, InvalidInput


class MalformedBody(InvalidInput):
    code = "malformed_body"


class InvalidBody(InvalidInput):
    code = "invalid_body"


class UnsupportedMediaType(InvalidInput):
    code = "unsupported_media_type"


class Unauthorized(InvalidInput):
    code = "unauthorized"


class PreconditionFailed(InvalidInput):
    code = "precondition_failed"

    def __init__(self, message: str, *, etag: str) -> None:
        super().__init__(message)
        self.etag = etag


class PreconditionRequired(InvalidInput):
    code = "precondition_required"


class KeyReused(InvalidInput):
    code = "idempotency_key_reused"


class RunEnded(Conflict):
    code = "run_ended"

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class RunGoesOn(Conflict):
    code = "run_goes_on"

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class CommandRefused(Conflict):
    """`reason` is paused, not_paused, ending or too_many_messages."""

    code = "command_refused"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class LimitReached(Conflict):
    """`holders` are the runs that hold the concurrency key, at most ten of them."""

    code = "limit_reached"

    def __init__(self, message: str, *, holders: list[str]) -> None:
        super().__init__(message)
        self.holders = holders


class PatchRefused(Conflict):
    """`reason` is policy, conflict (it would change what happened) or base_moved."""

    code = "patch_refused"

    def __init__(self, reason: str, faults: list[str]) -> None:
        super().__init__("; ".join(faults) or reason)
        self.reason = reason
        self.faults = faults


class Forbidden(InvalidInput):
    code = "forbidden"


class InvalidRetryPatch(InvalidInput):
    code = "invalid_patch"


class InvalidPayload(InvalidInput):
    """`faults` is a list of (pointer into the payload, message)."""

    code = "invalid_payload"

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        at, message = faults[0]
        super().__init__(f"/payload{at}: {message}", pointer=f"/payload{at}")
        self.faults = faults


class AlreadyDecided(Conflict):
    """`status` is that of the approval; `by` is None where nobody decided."""

    code = "already_decided"

    def __init__(
        self, message: str, *, status: str, by: str | None, at: datetime | None, comment: str | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.by = by
        self.at = at
        self.comment = comment
