"""`execute_pipeline`: several steps in one call, each working on what the one before gave."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from .http_step import http_request
from .tables import TESTS, rows_of, table_filter, table_select, table_sort, top_k
from .tool import Call, Tool, ToolError

MAX_STEPS = 20
TEXT = {"type": "string"}
ROWS = {"type": "array", "items": {"type": "object"}, "description": "Instead of the step before."}


def step(operation: str, description: str, required: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": ["op", *required],
        "additionalProperties": False,
        "properties": {"op": {"const": operation}, **fields},
    }


STEPS: dict[str, dict[str, Any]] = {
    "http_request": step(
        "http_request", "Call an allowed host; gives the body, or what `select` names in it.",
        ["url"], url=TEXT, method={"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
        headers={"type": "object", "additionalProperties": TEXT}, query={"type": "object"},
        body={}, select={"type": "string", "description": "Path such as data.items"},
    ),
    "table_filter": step(
        "table_filter", "Keep rows whose column passes a test.", ["column", "test", "value"],
        column=TEXT, test={"enum": sorted(TESTS)}, value={}, rows=ROWS,
    ),
    "table_select": step(
        "table_select", "Keep these columns.", ["columns"],
        columns={"type": "array", "items": TEXT, "maxItems": 200}, rows=ROWS,
    ),
    "table_sort": step(
        "table_sort", "Sort rows by a column.", ["by"],
        by=TEXT, descending={"type": "boolean"}, rows=ROWS,
    ),
    "top_k": step(
        "top_k", "The k rows with the greatest values in a column.", ["by", "k"],
        by=TEXT, k={"type": "integer", "minimum": 1, "maximum": 10_000}, rows=ROWS,
    ),
}  # fmt: skip

PARAMETERS = {
    "type": "object",
    "required": ["steps"],
    "additionalProperties": False,
    "properties": {
        "steps": {
            "type": "array", "minItems": 1, "maxItems": MAX_STEPS,
            "items": {"anyOf": list(STEPS.values())},
        }
    },
}  # fmt: skip


def make_pipeline(client: httpx.AsyncClient) -> Tool:
    async def run(call: Call) -> Any:
        value: Any = None
        for number, each in enumerate(call.arguments["steps"], 1):
            try:
                value = await apply(client, each, value, call, number)
            except ToolError as exc:
                raise ToolError(f"step {number}: {exc}") from exc
        return value

    description = "Run steps in order, each on the result of the one before; gives the last result."
    return Tool("execute_pipeline", description, PARAMETERS, run)


async def apply(
    client: httpx.AsyncClient, step: dict[str, Any], value: Any, call: Call, number: int
) -> Any:
    if step["op"] == "http_request":
        answer = await http_request(client, step, call.hosts, f"{call.key}-{number}")
        if not 200 <= answer["status"] < 300:
            body = msgspec.json.encode(answer["body"]).decode()[:500]
            raise ToolError(f"the answer has status {answer['status']}: {body}")
        return select(answer["body"], step.get("select"))
    return apply_table(step, rows_of(step.get("rows", value)))


def apply_table(step: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    match step["op"]:
        case "table_filter":
            return table_filter(rows, step["column"], step["test"], step["value"])
        case "table_select":
            return table_select(rows, step["columns"])
        case "table_sort":
            return table_sort(rows, step["by"], step.get("descending", False))
        case _:
            return top_k(rows, step["by"], step["k"])


def select(value: Any, path: str | None) -> Any:
    """What a dotted path names. Raises ToolError if it leads nowhere."""
    for part in (path or "").split(".") if path else []:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise ToolError(f"the answer has nothing at '{path}'")
    return value
