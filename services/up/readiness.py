"""Ask a service whether it is ready."""

from __future__ import annotations

import asyncio

import httpx

from .errors import SuiteError
from .keeper import Keeper, describe_exit
from .logs import last_lines
from .unit import ServiceProcess

POLL_S = 0.05
DEATHS_BEFORE_READY = 3


async def until_ready(keeper: Keeper, service: ServiceProcess, timeout_s: float) -> None:
    """Returns when /readyz answers 200. Raises SuiteError if it keeps dying or is late."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    late = f"is not ready after {timeout_s:.0f} s: "
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        while (trouble := await _trouble(client, service.ready_url)) is not None:
            if keeper.deaths >= DEATHS_BEFORE_READY:
                code = await service.wait()
                raise SuiteError(_explain(service, f"{describe_exit(code)} at every start"))
            if asyncio.get_running_loop().time() > deadline:
                raise SuiteError(_explain(service, late + trouble))
            await asyncio.sleep(POLL_S)


async def _trouble(client: httpx.AsyncClient, address: str) -> str | None:
    """What keeps the service from being ready, in its own words if it has any."""
    try:
        answer = await client.get(address)
    except httpx.TransportError:
        return "its probe does not answer"
    if answer.status_code == 200:
        return None
    first = answer.text.strip().partition("\n")[0]
    return first or f"its probe answers {answer.status_code}"


def _explain(service: ServiceProcess, fault: str) -> str:
    last = last_lines(service.log_path, 1)
    said = f"; it said: {last[0]}" if last else ""
    return f"{service.spec.name} {fault}, see {service.log_path}{said}"
