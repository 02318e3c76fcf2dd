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
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        while not await _says_ready(client, service.ready_url):
            if keeper.deaths >= DEATHS_BEFORE_READY:
                code = await service.wait()
                raise SuiteError(_explain(service, f"{describe_exit(code)} at every start"))
            if asyncio.get_running_loop().time() > deadline:
                raise SuiteError(_explain(service, f"is not ready after {timeout_s:.0f} s"))
            await asyncio.sleep(POLL_S)


async def _says_ready(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).status_code == 200
    except httpx.TransportError:
        return False


def _explain(service: ServiceProcess, fault: str) -> str:
    last = last_lines(service.log_path, 1)
    said = f"; it said: {last[0]}" if last else ""
    return f"{service.spec.name} {fault}, see {service.log_path}{said}"
