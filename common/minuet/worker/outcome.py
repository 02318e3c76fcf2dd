"""From what a function returned or raised to the Outcome that goes over the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from minuet.model.canonical import canonical_json
from minuet.model.errors import MinuetError, NodeError, TerminalError
from minuet.model.token import ApprovalRequest, CasRef, Failure, Outcome

from .registry import NodeSpec
from .result import Result
from .secrets import SecretScope

NULL = b"null"
MAX_MESSAGE = 2000
_ENCODER = msgspec.json.Encoder()
encode_outcome = msgspec.json.Encoder().encode


def split_result(spec: NodeSpec, returned: Any) -> Result:
    """Raises TerminalError (code `port`) for a port that the type does not name."""
    if not isinstance(returned, Result):
        return Result(returned)
    ports = spec.type.ports
    if ports is None:  # the node's config names them, and its function keeps to that
        return returned
    if returned.port != "success" and returned.port not in ports:
        named = ", ".join(["success", *ports])
        raise TerminalError(
            f"{spec.name} ended on port {returned.port!r}, but its type names only {named}",
            code="port",
        )
    return returned


def without_secrets(result: Result, scope: SecretScope | None) -> Result:
    """The result with the question to people masked; the output is masked where it is encoded."""
    if not scope or result.approval is None:
        return result
    question = scope.mask(msgspec.json.decode(_ENCODER.encode(result.approval)))
    masked = msgspec.json.decode(_ENCODER.encode(question), type=ApprovalRequest)
    return replace(result, approval=masked)


def encode_output(output: Any, *, max_bytes: int, scope: SecretScope | None) -> bytes:
    """JSON of an output, secrets masked. Raises TerminalError (codes `output`, `too_large`)."""
    if output is None:
        return NULL
    try:
        data = _ENCODER.encode(output)
        if scope:
            data = _ENCODER.encode(scope.mask(msgspec.json.decode(data)))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
        raise TerminalError(f"the output has no JSON form: {exc}", code="output") from exc
    if len(data) > max_bytes:
        raise TerminalError(
            f"the output has {len(data):,} bytes, the limit is {max_bytes:,}", code="too_large"
        )
    return data


def canonical(data: bytes) -> bytes:
    """The same JSON as the content-addressed store wants it."""
    return canonical_json(msgspec.json.decode(data))


def success(
    result: Result, data: bytes, ref: CasRef | None, values: dict[str, Any], **facts: Any
) -> bytes:
    """JSON of a successful Outcome; `facts` are started_at, ended_at and worker."""
    output = msgspec.Raw(NULL if ref is not None else data)
    return encode_outcome(
        Outcome(
            port=result.port, output=output, output_ref=ref, values=values,
            waiting=result.waiting, wait_ms=result.wait_ms, approval=result.approval, **facts,
        )
    )  # fmt: skip


def failed(failure: Failure, *, port: str = "error", **facts: Any) -> bytes:
    return encode_outcome(Outcome(port=port, failure=failure, **facts))


def failure_of(error: BaseException, scope: SecretScope | None) -> Failure:
    """Code, message and whether to retry. What is not ours is `exception`, retryable."""
    if isinstance(error, NodeError):
        delay = None if error.retry_after_s is None else max(0, int(error.retry_after_s * 1000))
        text, code, retryable = str(error), error.code, error.retryable
    elif isinstance(error, MinuetError):
        text, code, retryable, delay = str(error), error.code, True, None
    else:
        text, code, retryable, delay = f"{type(error).__name__}: {error}", "exception", True, None
    if scope:
        text = scope.mask_text(text)
    return Failure(code=code, message=text[:MAX_MESSAGE], retryable=retryable, retry_after_ms=delay)


def timed_out(timeout_ms: int) -> Failure:
    return Failure(code="timeout", message=f"took longer than {timeout_ms} ms", retryable=True)


def cancelled() -> Failure:
    return Failure(code="cancelled", message="the run does not want it any more", retryable=False)


def worker_lost() -> Failure:
    return Failure(
        code="worker_lost",
        message="every worker that took this token vanished before it ended",
        retryable=False,
    )
