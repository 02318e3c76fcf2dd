"""`python -m minuet.services.agent_runner`."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Mapping
from typing import Any

import structlog

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.net import AllowList
from minuet.process import run_process
from minuet.settings import Settings
from minuet.worker.process import run_worker
from minuet.worker.registry import NodeSpec

from .nodes import agent_parts, node_spec
from .settings import AgentSettings

log = structlog.get_logger()


async def serve(settings: Settings, agent: AgentSettings, env: Mapping[str, str]) -> None:
    """Run until a signal comes. Without a model it serves too: nodes then say what is missing."""
    if agent.base_url is None or agent.model is None:
        log.warning("no_model", set="MINUET_LLM_BASE_URL, MINUET_LLM_MODEL")
    async with agent_parts(agent, settings.network.allow) as (models, catalogue):

        def nodes(bus: RedisBus, blobs: Cas) -> list[NodeSpec]:
            return [node_spec(bus, blobs, models, catalogue)]

        await run_worker(nodes, settings, kind="agent", env=env)


def prepare(settings: Settings, env: Mapping[str, str]) -> Coroutine[Any, Any, None]:
    """Raises SettingsError, and ValueError for an allow-list that cannot be read."""
    AllowList.parse(settings.network.allow)
    return serve(settings, AgentSettings.from_env(env), env)


def main() -> int:
    return run_process("agent_runner", prepare)


if __name__ == "__main__":
    sys.exit(main())
