"""What a suite says of itself: its version, its workers, the node types that they serve."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from minuet.model.node_type import Effect


class Info(msgspec.Struct, frozen=True):
    """`principal` is whom the API key stands for. `socket_url` is the fanout's: see /tickets."""

    version: str
    api: str
    partitions: int
    tenant: str
    principal: str
    roles: list[str]
    compiled_router: bool
    limits: dict[str, int]
    socket_url: str


class WorkerView(msgspec.Struct, frozen=True):
    """`busy` of `slots` were taken when the worker last told of itself."""

    id: str
    kind: str
    types: list[str]
    slots: int
    busy: int
    host: str
    pid: int
    started_at: datetime


class WorkerList(msgspec.Struct, frozen=True):
    items: list[WorkerView]


class NodeTypeView(msgspec.Struct, frozen=True):
    """`ports` is null where the config decides. `workers` counts those alive that serve it;
    inline types need none."""

    name: str
    title: str
    description: str
    effect: Effect
    inline: bool
    builtin: bool
    ports: list[str] | None
    timeout_ms: int
    workers: int
    config_schema: dict[str, Any]
    output_schema: dict[str, Any] | None


class NodeTypeList(msgspec.Struct, frozen=True):
    items: list[NodeTypeView]
