"""Inline nodes: evaluated by the owner of the run inside the transition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from minuet.expr.errors import ExpressionError
from minuet.model.duration import duration_ms
from minuet.model.errors import InvalidInput
from minuet.model.status import SUCCESS

from .edges import ExpressionFailed
from .plan import NodePlan
from .values import NeedsBlob, Values

_NULL = msgspec.Raw(b"null")


class InlineResult(NamedTuple):
    port: str = SUCCESS
    output: msgspec.Raw = _NULL


class InlineWait(NamedTuple):
    """Wait `delay_ms`, or until the instant `at_ms`."""

    delay_ms: int = 0
    at_ms: int | None = None

    def until_ms(self, now: int) -> int:
        return self.at_ms if self.at_ms is not None else now + self.delay_ms


class MessageWait(NamedTuple):
    """Wait for the message `name`, `timeout_ms` at most."""

    name: str
    timeout_ms: int | None = None


def evaluate_inline(
    node: NodePlan, values: Values, iteration: int, limit_bytes: int
) -> InlineResult | InlineWait | MessageWait:
    """Evaluate a join, transform, branch or wait.

    Raises NeedsBlob if a worker must do it (a value is, or would be, too large to stand inline),
    and ExpressionFailed if an expression fails.
    """
    try:
        match node.node.type:
            case "join":
                return InlineResult()
            case "transform":
                return _transform(node, values, iteration, limit_bytes)
            case "branch":
                return _branch(node, values, iteration)
            case "wait":
                return _wait(node, values, iteration)
            case other:
                raise ExpressionFailed(f"'{other}' is no inline type")
    except ExpressionError as exc:
        raise ExpressionFailed(str(exc)) from exc


def _transform(
    node: NodePlan, values: Values, iteration: int, limit_bytes: int
) -> InlineResult | InlineWait:
    context = values.context(node.template.paths, iteration=iteration)
    rendered = node.template.render(context)
    output = msgspec.json.encode(rendered.get("value"))
    if len(output) > limit_bytes:
        raise NeedsBlob(("nodes", node.id, "output"))
    return InlineResult(output=msgspec.Raw(output))


def _branch(node: NodePlan, values: Values, iteration: int) -> InlineResult:
    for case in node.cases:
        try:
            context = values.context(case.when.paths, iteration=iteration)
        except NeedsBlob as exc:
            raise ExpressionFailed(f"branch condition `{case.when.text}`: {exc}") from exc
        if case.when.evaluate_bool(context):
            return InlineResult(port=case.port)
    return InlineResult(port=node.config["default"])


def _wait(node: NodePlan, values: Values, iteration: int) -> InlineWait | MessageWait:
    try:
        context = values.context(node.template.paths, iteration=iteration)
    except NeedsBlob as exc:
        raise ExpressionFailed(str(exc)) from exc
    config = node.template.render(context)
    try:
        if node.awaits is not None:
            given = config.get("timeout")
            return MessageWait(node.awaits, None if given is None else duration_ms(given))
        if "for" in config:
            return InlineWait(delay_ms=duration_ms(config["for"]))
        return InlineWait(at_ms=_instant_ms(config["until"]))
    except (ValueError, TypeError, OverflowError, InvalidInput) as exc:
        raise ExpressionFailed(f"wait: {exc}") from exc


def _instant_ms(text: str) -> int:
    """Ms since the epoch of an RFC 3339 instant. Raises ValueError without a zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"'{text}' has no time zone: add Z or an offset")
    return round(instant.astimezone(UTC).timestamp() * 1000)
