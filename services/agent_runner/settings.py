"""What may be set about the agent runner, beyond what every worker reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from minuet.environment import EnvironmentReader

SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """`base_url` and `model` may be absent: nodes that name neither then fail, and say so.

    `suite_url` and `suite_key` are for the tools that read and patch the agent's own run; the key
    should be one of kind `agent`, which the orchestrator grants less.
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    suite_url: str | None = None
    suite_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises SettingsError with every fault at once."""
        reader = EnvironmentReader(env)
        settings = cls(
            base_url=reader.optional_address("MINUET_LLM_BASE_URL", SCHEMES),
            api_key=reader.secret("MINUET_LLM_API_KEY"),
            model=reader.text("MINUET_LLM_MODEL", "") or None,
            suite_url=reader.optional_address("MINUET_URL", SCHEMES),
            suite_key=reader.secret("MINUET_API_KEY"),
        )
        reader.raise_if_faulty()
        return settings
