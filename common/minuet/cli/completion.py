"""What the shell offers for names; says nothing where the suite cannot be asked quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from minuet.model.errors import MinuetError

if TYPE_CHECKING:
    from minuet.client import Client

T = TypeVar("T")

MAX_NAMES = 50
PATIENCE_S = 0.2


def workflow_names(incomplete: str) -> list[str]:
    return _ask(
        lambda client: [
            line.name
            for line in client.workflows.list(MAX_NAMES)
            if line.name.startswith(incomplete)
        ]
    )


def run_ids(incomplete: str) -> list[tuple[str, str]]:
    """The newest runs, with what tells them apart."""
    return _ask(
        lambda client: [
            (line.id, f"{line.workflow} {line.status}")
            for line in client.runs.list(limit=MAX_NAMES)
            if line.id.startswith(incomplete)
        ]
    )


def approval_ids(incomplete: str) -> list[tuple[str, str]]:
    """What is open, with its question."""
    return _ask(
        lambda client: [
            (line.id, line.message)
            for line in client.approvals.list(status=["pending"], limit=MAX_NAMES)
            if line.id.startswith(incomplete)
        ]
    )


def _ask(question: Callable[[Client], list[T]]) -> list[T]:
    from .connection import quiet_client

    try:
        with quiet_client(patience_s=PATIENCE_S) as client:
            return question(client)
    except MinuetError:
        return []  # a shell that completes has no place for an error
