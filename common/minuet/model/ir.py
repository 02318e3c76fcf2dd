"""The compiled document (IR). Its canonical JSON is stored by digest; coordinators load it."""

from __future__ import annotations

from typing import Any

import msgspec

IR_VERSION = 1

JOIN_ALL = 0  # a positive value is the number of taken edges that arms the node
JOIN_NEVER = -1  # no edge arms it: compensating nodes


class IrRetry(msgspec.Struct, frozen=True, array_like=True):
    max_attempts: int = 1
    initial_ms: int = 1000
    multiplier: float = 2.0
    max_ms: int = 60_000


class IrLoop(msgspec.Struct, frozen=True, array_like=True):
    """Makes an edge a back edge. `max_iterations` counts the rounds of the body, the first too."""

    while_: str
    max_iterations: int


class IrConcurrency(msgspec.Struct, frozen=True, omit_defaults=True):
    """As `minuet.model.document.Concurrency`; `key` is a template over inputs."""

    key: str = ""
    limit: int = 1
    on_limit: str = "queue"


class IrChild(msgspec.Struct, frozen=True, omit_defaults=True):
    """The workflow that a `map` or `workflow` node runs: digests of its compiled form and of its
    document. `latest` tells that no version was named: the next start may find a newer one."""

    ir: str
    document: str
    workflow: str
    version: int | None = None
    latest: bool = False


class IrNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """`reads` are the path texts that the config's templates name; `returns` the paths of this
    node's own output ("output.score") that edges, inline nodes and run outputs read.

    `unknown` nodes end on success with null output, flagged skipped. `when` guards the node;
    `compensate` names the node that undoes it.
    """

    id: str
    type: str
    config: msgspec.Raw = msgspec.Raw(b"{}")
    effect: str = "idempotent"
    inline: bool = False
    unknown: bool = False
    join: int = JOIN_ALL
    reads: list[str] = []
    returns: list[str] = []
    timeout_ms: int = 60_000
    retry: IrRetry = IrRetry()
    on_error_continue: bool = False
    when: str | None = None
    compensate: str | None = None
    child: IrChild | None = None


class IrEdge(msgspec.Struct, frozen=True, omit_defaults=True):
    """`source` and `target` index `Ir.nodes`; `on` is resolved (never absent)."""

    source: int
    target: int
    on: str = "success"
    when: str | None = None
    otherwise: bool = False
    loop: IrLoop | None = None


class Ir(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nodes in topological order of the forward edges, ties by document order; what follows a loop
    comes after all of it. `depth` is how deep child runs are nested below a run of it."""

    workflow: str
    nodes: list[IrNode]
    edges: list[IrEdge]
    document: str = ""
    v: int = IR_VERSION
    outputs: msgspec.Raw = msgspec.Raw(b"null")
    output_reads: list[str] = []
    input_reads: list[str] = []
    inputs_schema: dict[str, Any] | None = None
    deadline_ms: int | None = None
    max_parallel: int = 1000
    priority: int = 5
    compensate_on: list[str] = []
    concurrency: IrConcurrency | None = None
    depth: int = 0
