"""What a `hitl` node asks, read from the history of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minuet.ir.schema_faults import checker_of

from .fakes import FakeError
from .run import Run


@dataclass(frozen=True, slots=True)
class Question:
    """As a person sees it. `expires_ms` is virtual ms since the start of the run."""

    node: str
    message: str
    payload: Any
    form: dict[str, Any] | None
    assignees: list[str]
    groups: list[str]
    asked_ms: int
    expires_ms: int | None


def read_question(run: Run, node: str, gen: int, started_ms: int) -> Question:
    """What that execution of the node asks. Raises FakeError if a fake stands in for it, which
    waits without asking anything."""
    asked = [event for event in run.events_of("approval.requested", node) if event.gen == gen]
    if not asked:
        raise FakeError(f"{node!r} waits, but asks nothing: take its fake away")
    data, expires_at = asked[-1].data, asked[-1].data.get("expires_at")
    return Question(
        node=node,
        message=data["message"],
        payload=data.get("payload"),
        form=data.get("form"),
        assignees=data.get("assignees", []),
        groups=data.get("groups", []),
        asked_ms=asked[-1].at_ms,
        expires_ms=None if expires_at is None else expires_at - started_ms,
    )


def check_payload(question: Question, payload: Any) -> None:
    """As the API does before it takes a decision. Raises FakeError."""
    if question.form is not None and (faults := checker_of(question.form).faults(payload)):
        told = "; ".join(f"{fault.pointer or '/'}: {fault.message}" for fault in faults)
        raise FakeError(f"the payload does not fit the form of {question.node!r}: {told}")
