"""The rendered config of an `agent` node; `schemas/node-types/agent.json` is normative."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ToolMode = Literal["native", "json_schema"]


class Budget(msgspec.Struct, frozen=True):
    turns: int = 10
    tokens: int | None = None


class AgentConfig(msgspec.Struct, frozen=True):
    prompt: str
    system: str = ""
    model: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    temperature: float | None = None
    tools: list[str] = []
    tool_mode: ToolMode = "native"
    hosts: list[str] = []
    types: list[str] = []
    workflows: list[str] = []
    secrets: list[str] = []
    output_schema: dict[str, Any] | None = None
    ports: list[str] = []
    budget: Budget = Budget()
