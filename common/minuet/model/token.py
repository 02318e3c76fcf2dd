"""Task tokens: permission to execute one node once, and what its worker reports back."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from .prepared import prepare

TOKEN_VERSION = 1


class CasRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value kept in the content-addressed store.

    `digest` is `sha256:<hex>` of the canonical JSON; `path` selects a value inside the blob
    (segments joined as in `minuet.expr.paths`), empty for the whole.
    """

    digest: str = msgspec.field(name="$cas")
    size_bytes: int
    path: str = ""


class TokenId(NamedTuple):
    """`run/node/gen/attempt`; the execution is its first three parts."""

    run: str
    node: str
    gen: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.run}/{self.node}/{self.gen}/{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> TokenId:
        """Raises ValueError unless `text` has exactly the four parts."""
        run, node, gen, attempt = text.split("/")
        return cls(run, node, int(gen), int(attempt))


def idempotency_key(run: str, node: str, gen: int) -> str:
    """The same for every attempt and redelivery of an execution; 32 hex digits."""
    return hashlib.sha256(f"{run}/{node}/{gen}".encode()).hexdigest()[:32]


def approval_id(run: str, node: str, gen: int) -> str:
    """One for each execution, however often it is delivered."""
    return f"apr-{idempotency_key(run, node, gen)[:24]}"


class TaskToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker gets. Values that `config` reads stand in `context` by path text
    ("nodes.enrich.output.body") or, when they are large, in `refs`.

    `config` is unrendered. `returns` lists the paths ("output.score") whose values the worker
    must send along when it stores the output in the CAS. `timeout_ms` bounds one execution from
    the moment that a worker starts it; `deadline_at` (ms since the epoch) is the run's.
    """

    run: str
    tenant: str
    node: str
    type: str
    gen: int
    attempt: int
    config: msgspec.Raw
    timeout_ms: int
    idempotency_key: str
    v: int = TOKEN_VERSION
    iteration: int = 0
    context: dict[str, msgspec.Raw] = {}
    refs: dict[str, CasRef] = {}
    returns: list[str] = []
    deadline_at: int | None = None
    traceparent: str | None = None

    @property
    def id(self) -> TokenId:
        return TokenId(self.run, self.node, self.gen, self.attempt)


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt failed. `code` is stable and machine readable."""

    code: str
    message: str
    retryable: bool = True
    retry_after_ms: int | None = None
    operation: str | None = None
    cause: str | None = None


class ApprovalRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person is asked: rendered by the worker that reports its token as waiting.

    `payload` may be edited by who decides; `form` is JSON Schema for it. `assignees` and `groups`
    name who may decide; both empty: everybody in the tenant.
    """

    message: str
    payload: msgspec.Raw = msgspec.Raw(b"null")
    form: dict[str, Any] | None = None
    assignees: list[str] = []
    groups: list[str] = []


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one token ended: the value beside its token id in a `done` entry.

    Exactly one of `output` and `output_ref` is meaningful; a missing output is JSON null.
    `values` holds the token's `returns` when the output went to the CAS. `item` is the place in a
    map of the child run that ended. `failure` accompanies the ports `error` and `timeout`.
    `waiting` leaves the node live until a command or message ends it. `started_at` and `ended_at`
    are ms since the epoch.
    """

    port: str = "success"
    v: int = TOKEN_VERSION
    output: msgspec.Raw = msgspec.Raw(b"null")
    output_ref: CasRef | None = None
    values: dict[str, Any] = {}
    failure: Failure | None = None
    waiting: bool = False
    wait_ms: int | None = None
    approval: ApprovalRequest | None = None
    started_at: int | None = None
    ended_at: int | None = None
    worker: str | None = None
    item: int | None = None


prepare(TaskToken, Outcome)
