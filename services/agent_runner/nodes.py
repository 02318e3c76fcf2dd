"""The node function of this service, and what it is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from minuet.bus.api import JournalBus
from minuet.ir.builtin import builtin_node_types
from minuet.net import AllowList, Dialler
from minuet.worker import Context, Result
from minuet.worker.registry import NodeSpec, declare

from .agent import AgentRunner
from .config import AgentConfig
from .journal import Blobs
from .model import Models
from .settings import AgentSettings
from .tools.catalogue import Catalogue
from .tools.http_step import make_client
from .tools.pipeline import make_pipeline
from .tools.workflow import make_suite_client, make_workflow_tools


@asynccontextmanager
async def agent_parts(
    settings: AgentSettings, allow: tuple[str, ...]
) -> AsyncIterator[tuple[Models, Catalogue]]:
    """Connections that all nodes share. `allow` is MINUET_NET_ALLOW; the configured model server
    may be dialled beside it, by this service's own requests alone."""
    dialler = Dialler(AllowList.parse(allow))
    trusted = Dialler(AllowList.parse((*allow, *server_of(settings.base_url))))
    models = Models(settings, trusted, dialler)
    async with make_client(dialler) as client, make_suite_client(settings) as suite:
        tools = [make_pipeline(client), *make_workflow_tools(suite)]
        try:
            yield models, Catalogue(tools, settings)
        finally:
            await models.close()


def server_of(base_url: str | None) -> list[str]:
    """The entry that lets this server be dialled wherever it is."""
    if base_url is None:
        return []
    parts = urlsplit(base_url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return [f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"]


def node_spec(bus: JournalBus, blobs: Blobs, models: Models, catalogue: Catalogue) -> NodeSpec:
    runner = AgentRunner(bus, blobs, models, catalogue)

    async def agent(config: AgentConfig, ctx: Context) -> Result:
        return await runner.run(config, ctx)

    return declare(builtin_node_types()["agent"], agent)
