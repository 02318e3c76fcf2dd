"""`read_workflow` and `patch_workflow`: the agent's own run, by the API of its suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import stamina

from minuet.model.errors import RetryableError, TerminalError

from ..settings import AgentSettings
from .precheck import Precheck
from .tool import Call, Tool

NAMES = frozenset({"read_workflow", "patch_workflow"})
ATTEMPTS = 8
REFUSED = frozenset({400, 409, 412, 413, 422})
NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}
OPERATION = {
    "type": "object",
    "required": ["op", "path"],
    "properties": {
        "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
        "path": {"type": "string"},
        "from": {"type": "string"},
        "value": {},
    },
}
PATCH_PARAMETERS = {
    "type": "object",
    "required": ["operations", "note"],
    "additionalProperties": False,
    "properties": {
        "operations": {"type": "array", "minItems": 1, "maxItems": 200, "items": OPERATION},
        "note": {"type": "string", "description": "The intent, in a sentence."},
    },
}
PATCH_DESCRIPTION = (
    "Change the workflow of this run with JSON Patch (RFC 6902): add nodes and the edges that lead "
    "to them. /nodes/- and /edges/- append; /nodes/by-id/<id> names a node. It is applied whole or "
    "refused whole, with the reasons; nodes that ended or run cannot change."
)


def make_suite_client(settings: AgentSettings) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {settings.suite_key}"} if settings.suite_key else {}
    return httpx.AsyncClient(
        base_url=settings.suite_url or "http://unset.invalid", headers=headers, timeout=30.0,
        trust_env=False,
    )  # fmt: skip


def make_workflow_tools(client: httpx.AsyncClient) -> list[Tool]:
    async def get(path: str, query: Mapping[str, Any]) -> httpx.Response:
        return checked(await send(client, "GET", path, params=query))

    precheck = Precheck(get)

    async def read(call: Call) -> Any:
        response = await send(client, "GET", f"{run_path(call)}/document")
        return checked(response).json()

    async def patch(call: Call) -> Any:
        if faults := await precheck.reasons(call, run_path(call)):
            call.ctx.log.warning("patch_refused", note=call.arguments["note"], reasons=faults)
            return {"status": "refused", "reasons": faults}
        response = await send(
            client, "POST", f"{run_path(call)}/patches", json=call.arguments,
            headers={"Idempotency-Key": call.key},
        )  # fmt: skip
        if response.status_code in REFUSED:
            return {"status": "refused", "reasons": reasons(response)}
        answer = checked(response).json()
        kept = {name: answer[name] for name in ("patch", "changes") if name in answer}
        return {"status": answer.get("status", "applied"), **kept}

    return [
        Tool("read_workflow", "The workflow document of this run.", NO_PARAMETERS, read),
        Tool("patch_workflow", PATCH_DESCRIPTION, PATCH_PARAMETERS, patch, is_parallel=False),
    ]


def run_path(call: Call) -> str:
    return f"/api/v1/runs/{quote(call.ctx.run_id, safe='')}"


class NotSettled(Exception):
    """No definite answer yet; `after_s` is when to ask again, if the suite said so."""

    def __init__(self, what: str, after_s: float | None = None) -> None:
        super().__init__(what)
        self.after_s = after_s


def again(exc: Exception) -> bool | float:
    if isinstance(exc, NotSettled) and exc.after_s is not None:
        return min(exc.after_s, 30.0)
    return isinstance(exc, (NotSettled, httpx.HTTPError))


async def send(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
    """Asked again, with the same key, until the answer is definite. Raises RetryableError."""
    try:
        async for attempt in stamina.retry_context(on=again, attempts=ATTEMPTS, timeout=None):
            with attempt:
                return settled(await client.request(method, path, **options))
    except (NotSettled, httpx.HTTPError) as exc:
        raise RetryableError(f"the suite gives no answer: {exc}", code="suite") from exc
    raise AssertionError("the last attempt raises")


def settled(response: httpx.Response) -> httpx.Response:
    """Raises NotSettled for a command that is still on its way, and for a suite in trouble."""
    if response.status_code == 202 or response.status_code >= 500:
        wait = response.headers.get("Retry-After", "")
        after_s = float(wait) if wait.isdigit() else None
        raise NotSettled(f"status {response.status_code}", after_s)
    return response


def checked(response: httpx.Response) -> httpx.Response:
    if response.status_code != 200:
        raise TerminalError(
            f"the suite answered {response.status_code}: {'; '.join(reasons(response))[:300]}",
            code="suite",
        )
    return response


def reasons(response: httpx.Response) -> list[str]:
    """What a problem says, each fault a line."""
    try:
        problem = response.json()
    except ValueError:
        return [response.text[:300]]
    lines = [fault_line(fault) for fault in problem.get("errors") or []]
    detail = problem.get("detail") or problem.get("title") or ""
    return lines or [str(detail)]


def fault_line(fault: Any) -> str:
    if not isinstance(fault, dict):
        return str(fault)
    where = fault.get("pointer") or fault.get("path") or ""
    message = fault.get("detail") or fault.get("message") or ""
    return f"{where}: {message}" if where else str(message)
