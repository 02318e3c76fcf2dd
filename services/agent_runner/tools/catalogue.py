"""Which tools a node gets."""

from __future__ import annotations

from collections.abc import Mapping

from minuet.model.errors import TerminalError

from ..config import AgentConfig
from ..settings import AgentSettings
from .search import make_search
from .tool import Tool
from .workflow import NAMES as SUITE_TOOLS


class Catalogue:
    """All tools of this process, but for `search_tools`, which each node gets of its own."""

    def __init__(self, tools: list[Tool], settings: AgentSettings) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._has_suite = bool(settings.suite_url and settings.suite_key)

    def of(self, config: AgentConfig) -> Mapping[str, Tool]:
        """By name, in order of names. Raises TerminalError if a setting is missing for one."""
        lacking = SUITE_TOOLS & set(config.tools)
        if lacking and not self._has_suite:
            raise TerminalError(
                f"{', '.join(sorted(lacking))}: the agent runner needs MINUET_URL and "
                "MINUET_API_KEY of its suite",
                code="config",
            )
        chosen = [self._tools[name] for name in config.tools if name in self._tools]
        if "search_tools" in config.tools:
            chosen.append(make_search(chosen))
        return {tool.name: tool for tool in sorted(chosen, key=lambda tool: tool.name)}
