"""A fleet in which every process stands behind proxies, with a load: what the crash tests kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from minuet.services.up.ports import free_ports

from .fleet import Fleet
from .load import Load, load
from .proxy import ModelProxy

Json = dict[str, Any]
QUICK_LEASES = {
    "MINUET_WORKER_LEASE_MS": "3000",
    "MINUET_WORKER_HEARTBEAT_MS": "500",
    "MINUET_WORKER_SLOTS": "8",
}
AGENT: Json = {
    "apiVersion": "minuet/v1",
    "name": "prove-agent",
    "nodes": [
        {
            "id": "think", "type": "agent",
            "config": {
                "prompt": "Think about ${run.id}",
                "tools": ["patch_workflow"],
                "output_schema": {"type": "object", "properties": {"answer": {"type": "integer"}}},
            },
        },
        {"id": "last", "type": "prove.step"},
    ],
    "edges": [{"from": "think", "to": "last"}],
    "outputs": {"answer": "${nodes.think.output.answer}"},
}  # fmt: skip
AGENT_OUTPUT = {"answer": 42}
MORE = {"id": "more", "type": "transform", "config": {"value": 1}}
PATCH = [
    {"op": "add", "path": "/nodes/-", "value": MORE},
    {"op": "add", "path": "/edges/-", "value": {"from": "think", "to": "more"}},
]
SCRIPT: Json = {
    "conversations": [
        {
            "name": "a thought of two turns that changes the run",
            "match": "Think about",
            "turns": [
                {
                    "tool_calls": [
                        {
                            "name": "patch_workflow",
                            "arguments": {"note": "more", "operations": PATCH},
                        }
                    ]
                },
                {"expect": "applied", "json": AGENT_OUTPUT},
            ],
        }
    ]
}


class Crew:
    """`fleet` and `work`, and the proxy between the agent runner and its model."""

    def __init__(self, fleet: Fleet, work: Load, model: ModelProxy) -> None:
        self.fleet = fleet
        self.work = work
        self.model = model


@contextmanager
def crew(folder: Path) -> Iterator[Crew]:
    """Two coordinators, two Python workers, one of everything else, every one behind proxies."""
    model_port, proxy_port = free_ports(2)
    env = QUICK_LEASES | {
        "MINUET_LLM_BASE_URL": f"http://127.0.0.1:{proxy_port}/v1",
        "MINUET_LLM_MODEL": "dev-prove",
    }
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "script.json"
    script.write_text(json.dumps(SCRIPT))
    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet(folder, env=env))
        fleet.add_model(script, model_port)
        model = ModelProxy(model_port, proxy_port, lambda: fleet.pid("agent_runner"))
        fleet.loop.run(model.open())
        stack.callback(lambda: fleet.loop.run(model.close()))
        fleet.start_all("coordinator-2", "worker-2", proxied=True)
        yield Crew(fleet, stack.enter_context(load(fleet, AGENT)), model)
