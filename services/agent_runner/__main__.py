"""`python -m minuet.services.agent_runner`."""

from __future__ import annotations

import os
import sys

import structlog
import uvloop

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.model.errors import MinuetError
from minuet.net import AllowList
from minuet.settings import Settings, SettingsError
from minuet.telemetry.logging import configure_logging
from minuet.worker.process import run_worker
from minuet.worker.registry import NodeSpec

from .nodes import agent_parts, node_spec
from .settings import AgentSettings

log = structlog.get_logger()


async def serve(settings: Settings, agent: AgentSettings) -> None:
    """Run until a signal comes. Without a model it serves too: nodes then say what is missing."""
    if agent.base_url is None or agent.model is None:
        log.warning("no_model", set="MINUET_LLM_BASE_URL, MINUET_LLM_MODEL")
    async with agent_parts(agent, settings.network.allow) as (models, catalogue):

        def nodes(bus: RedisBus, blobs: Cas) -> list[NodeSpec]:
            return [node_spec(bus, blobs, models, catalogue)]

        await run_worker(nodes, settings, kind="agent", env=os.environ)


def main() -> int:
    """0 after a clean stop, 2 for bad settings, 1 for another error; one line on stderr."""
    try:
        settings = Settings.from_env(os.environ)
        agent = AgentSettings.from_env(os.environ)
        AllowList.parse(settings.network.allow)
    except (SettingsError, ValueError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    configure_logging("agent_runner", settings.log.level)
    try:
        uvloop.run(serve(settings, agent))
    except MinuetError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
