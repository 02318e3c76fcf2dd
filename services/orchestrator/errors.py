"""What a caller of the API may do wrong, beyond the errors of the library.

InvalidInput
├── MalformedBody          the body is no strict JSON or YAML
├── InvalidBody            it is, but not of the shape that the operation takes
├── UnsupportedMediaType
├── Unauthorized
├── PreconditionFailed     If-Match names another version; carries the present one
├── PreconditionRequired   If-Match is missing
├── KeyReused              an idempotency key came back with another request
└── RunEnded               the run ended before the command reached it; carries its status
"""

from __future__ import annotations

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
