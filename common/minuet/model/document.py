"""The workflow document as people write it (`schemas/document.json` is its normative schema)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .prepared import prepare

Json = Any


class Retry(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Attempts of one execution. Durations are texts such as "250ms", "1m30s" or "48h"."""

    max_attempts: int = 1
    initial: str = "1s"
    multiplier: float = 2.0
    max: str = "60s"


class Node(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    id: str
    type: str
    config: dict[str, Json] = {}
    title: str | None = None
    description: str | None = None
    join: Literal["all", "any"] | int = "all"
    retry: Retry | None = None
    timeout: str | None = None
    on_error: Literal["fail", "continue"] = "fail"
    when: str | None = None
    compensate: str | None = None
    ui: dict[str, Json] | None = None


class Loop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"while_": "while"}):
    """Marks a back edge."""

    while_: str
    max_iterations: int


class Edge(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={"source": "from", "target": "to"},
):
    source: str
    target: str
    on: str | None = None
    when: str | None = None
    otherwise: bool = False
    loop: Loop | None = None


class Concurrency(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """At most `limit` runs of the workflow at once for each value of `key` (a template over
    inputs; without it for the workflow as a whole)."""

    key: str = ""
    limit: int = 1
    on_limit: Literal["queue", "reject", "cancel_oldest"] = "queue"


class Settings(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    deadline: str | None = None
    max_agents: int = 5
    max_parallel: int = 1000
    unknown_types: Literal["skip", "fail"] = "skip"
    priority: int = 5
    compensate_on: list[Literal["failed", "cancelled", "timed_out"]] = []


class Workflow(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={"api_version": "apiVersion"},
):
    """One version of a workflow, unresolved and unchecked: `minuet.ir.compile` judges it."""

    api_version: str
    name: str
    nodes: list[Node]
    edges: list[Edge] = []
    title: str | None = None
    description: str | None = None
    inputs: dict[str, Json] | None = None
    outputs: Json = None
    settings: Settings = Settings()
    concurrency: Concurrency | None = None
    labels: dict[str, str] = {}
    ui: dict[str, Json] | None = None


prepare(Workflow)
