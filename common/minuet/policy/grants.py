"""What the nodes may do that an agent brings into its run: no more than its own node says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from minuet.expr import compile_template
from minuet.ir.checks_config import TASK_ROOTS
from minuet.model.ir import IrNode

from .hosts import allows, literal_origin, wider

# They reach nothing outside the run, but for a person who is asked.
ALWAYS_ALLOWED: Final = frozenset({"transform", "branch", "wait", "join", "hitl"})
AGENT: Final = "agent"
GRANTING: Final = ("hosts", "secrets", "tools", "types", "workflows")
MODEL_SERVER: Final = frozenset({"base_url", "api_key"})


@dataclass(frozen=True, slots=True)
class Grants:
    """`types`, `secrets`, `hosts`, `tools` and `workflows` of an agent's config, and its model
    server with the key for it."""

    types: frozenset[str]
    secrets: frozenset[str]
    hosts: tuple[str, ...]
    tools: frozenset[str]
    workflows: frozenset[str]
    model_server: tuple[Any, Any]

    @classmethod
    def of(cls, agent: IrNode) -> Self:
        """Entries that are expressions grant nothing: what they give is known only later."""
        return cls._read(msgspec.json.decode(agent.config))

    @classmethod
    def _read(cls, config: dict[str, Any]) -> Self:
        return cls(
            frozenset(_names(config, "types")),
            frozenset(_names(config, "secrets")),
            tuple(_names(config, "hosts")),
            frozenset(_names(config, "tools")),
            frozenset(_names(config, "workflows")),
            (config.get("base_url"), config.get("api_key")),
        )

    def faults(self, node: IrNode) -> list[str]:
        """Why the agent may not bring this node, or this change of it. The nodes in the body of a
        `map` are judged as if they were brought themselves."""
        return self._faults(f"node '{node.id}'", node.type, msgspec.json.decode(node.config))

    def _faults(self, who: str, type: str, config: dict[str, Any]) -> list[str]:
        faults = []
        if type not in self.types | ALWAYS_ALLOWED:
            faults.append(f"{who} has the type '{type}', which the agent's `types` lack")
        if type == "map":
            return faults + self._map_faults(who, config)
        if type == "workflow":
            return faults + self._workflow_faults(who, config.get("name"))
        if type == "http":
            faults += self._request_faults(who, config)
        elif type == "agent":
            faults += self._agent_faults(who, config)
            config = {name: config[name] for name in config.keys() - MODEL_SERVER}
        lacking = _secrets(config) - {name.lower() for name in self.secrets}
        faults += [
            f"{who} reads the secret '{name}', which the agent's `secrets` lack"
            for name in sorted(lacking)
        ]
        return faults

    def _map_faults(self, who: str, config: dict[str, Any]) -> list[str]:
        """Neither its items nor the inputs of its runs can read secrets: no document compiles."""
        run = config["run"]
        if "nodes" not in run:
            return self._workflow_faults(who, run.get("workflow"))
        faults = []
        for inner in run["nodes"]:
            inside = f"node '{inner['id']}' in {who}"
            if inner["type"] == AGENT:
                faults.append(f"{inside} is an agent: there would be one for each item")
            faults += self._faults(inside, inner["type"], inner.get("config", {}))
        return faults

    def _workflow_faults(self, who: str, name: object) -> list[str]:
        """A stored workflow brings types, hosts and secrets of its own."""
        if name in self.workflows:
            return []
        return [f"{who} runs the workflow '{name}', which the agent's `workflows` lack"]

    def _request_faults(self, who: str, config: dict[str, Any]) -> list[str]:
        faults = self._address_faults(who, config.get("url"))
        headers = config.get("headers", {})
        if not isinstance(headers, dict):
            faults.append(f"{who} must name its headers as they are")
        elif any(name.lower() == "host" for name in headers):
            faults.append(f"{who} may not set the header Host")
        return faults

    def _address_faults(self, who: str, address: object) -> list[str]:
        origin = literal_origin(address) if isinstance(address, str) else None
        if origin is None:
            return [
                f"{who} must name its host as it is: scheme://host[:port]/, no expression in it"
            ]
        if not allows(self.hosts, *origin):
            return [f"{who} calls {origin}, which the agent's `hosts` lack"]
        return []

    def _agent_faults(self, who: str, config: dict[str, Any]) -> list[str]:
        """An agent passes on no more than it has, and its own model server with its key."""
        inner, faults = Grants._read(config), []
        if any(not _is_plain(config.get(field, [])) for field in GRANTING):
            faults.append(f"{who} must name its {', '.join(GRANTING)} as they are")
        if inner.model_server not in (self.model_server, (None, None)):
            faults.append(f"{who} may only use the model server and key of its agent")
        lacking = {
            "hosts": wider(inner.hosts, self.hosts),
            "secrets": sorted(inner.secrets - self.secrets),
            "tools": sorted(inner.tools - self.tools),
            "types": sorted(inner.types - self.types - ALWAYS_ALLOWED),
            "workflows": sorted(inner.workflows - self.workflows),
        }
        faults += [
            f"{who} has {', '.join(names)} in its `{field}`, which the agent's lack"
            for field, names in lacking.items()
            if names
        ]
        return faults


def _names(config: dict[str, Any], field: str) -> list[str]:
    value = config.get(field, [])
    listed = value if isinstance(value, list) else []
    return [name for name in listed if isinstance(name, str) and "${" not in name]


def _is_plain(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(name, str) and "${" not in name for name in value
    )


def _secrets(config: Any) -> set[str]:
    """Names that its templates read, in lower case: workers find them in any."""
    paths = compile_template(config, allowed_roots=TASK_ROOTS).paths
    return {path[1].lower() for path in paths if path[0] == "secrets"}
