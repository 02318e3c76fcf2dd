"""`search_tools`: finds tools and steps by words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .pipeline import STEPS
from .tool import Call, Tool

MOST = 10
PARAMETERS = {
    "type": "object",
    "required": ["words"],
    "additionalProperties": False,
    "properties": {"words": {"type": "string", "maxLength": 500}},
}


def make_search(tools: Sequence[Tool]) -> Tool:
    """Searches the given tools, and the steps if `execute_pipeline` is among them."""
    known: list[dict[str, Any]] = [
        {"tool": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in tools
    ]
    if any(tool.name == "execute_pipeline" for tool in tools):
        known += [
            {
                "tool": "execute_pipeline",
                "step": name,
                "description": schema["description"],
                "parameters": schema,
            }
            for name, schema in STEPS.items()
        ]

    async def run(call: Call) -> Any:
        return {"found": find(known, call.arguments["words"])}

    description = "Find tools and pipeline steps by words; gives their forms."
    return Tool("search_tools", description, PARAMETERS, run)


def find(known: Sequence[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """The best first: by how many of the words they hold, names counting twice."""
    wanted = set(split(words))
    scored = [(score(each, wanted), position) for position, each in enumerate(known)]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1]))
    return [known[position] for _, position in best[:MOST]]


def score(each: dict[str, Any], wanted: set[str]) -> int:
    name = set(split(str(each.get("step", each["tool"]))))
    return 2 * len(wanted & name) + len(wanted & set(split(str(each["description"]))))


def split(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
