"""The `hitl` node: from a config to the question that people see.

Here, and not in the service that serves it, because `minuet.testing` asks the same questions.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from minuet.ir.builtin import builtin_node_types
from minuet.ir.schema_faults import BadSchema, Checker
from minuet.model.duration import duration_ms
from minuet.model.errors import InvalidInput, TerminalError
from minuet.model.token import ApprovalRequest

from .registry import NodeSpec, declare
from .result import Result

# The question travels inside of events, and what was decided on inside of an output.
MAX_BYTES: Final = 64 * 1024

_encode = msgspec.json.Encoder().encode


class HitlConfig(msgspec.Struct, frozen=True):
    """The rendered config; `schemas/node-types/hitl.json` is normative. `on_timeout` is for the
    owner of the run, who alone knows whether an edge listens."""

    message: str
    payload: Any = None
    form: dict[str, Any] | None = None
    assignees: list[str] = []
    groups: list[str] = []
    timeout: str | None = None
    on_timeout: str = "reject"


def hitl_spec() -> NodeSpec:
    return declare(builtin_node_types()["hitl"], hitl)


async def hitl(config: HitlConfig) -> Result:
    """Nothing is kept here: a token that is delivered again asks the same question once more, and
    the run counts it once."""
    request = ApprovalRequest(
        message=config.message,
        payload=msgspec.Raw(bounded("payload", config.payload)),
        form=checked_form(config.form),
        assignees=config.assignees,
        groups=config.groups,
    )
    return Result(waiting=True, wait_ms=wait_ms(config.timeout), approval=request)


def bounded(field: str, value: Any) -> bytes:
    """JSON of a part of the question. Raises TerminalError (code `too_large`)."""
    data = _encode(value)
    if len(data) > MAX_BYTES:
        raise TerminalError(
            f"{field} has {len(data):,} bytes, the limit is {MAX_BYTES:,}", code="too_large"
        )
    return data


def checked_form(form: dict[str, Any] | None) -> dict[str, Any] | None:
    """Raises TerminalError: nobody could ever approve against a form that is no schema."""
    if form is not None:
        bounded("form", form)
        try:
            Checker(form)
        except BadSchema as exc:
            raise TerminalError(f"form is no JSON Schema: {exc}", code="config") from exc
    return form


def wait_ms(timeout: str | None) -> int | None:
    """None waits for ever. Raises TerminalError (code `config`)."""
    if timeout is None:
        return None
    try:
        return duration_ms(timeout)
    except InvalidInput as exc:
        raise TerminalError(f"timeout: {exc}", code="config") from exc
