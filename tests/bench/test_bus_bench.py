"""What the bus costs: server time a step of `commit`, and client time a command of the lane.

Method: commits of 64 runs, each with two
node fields, one output and one token (pages of 1 or 32 tokens), against an embedded Valkey with
append-only file, fsync every second. Server time is that of INFO commandstats (FCALL), client time
is CPU of this process.
"""

from __future__ import annotations

import resource
import time

import pytest

from minuet.bus.api import Commit, Done, Page, RunWrite
from minuet.bus.lane import Lane
from minuet.bus.redis import RedisBus

from .conftest import Figures

pytestmark = [pytest.mark.anyio, pytest.mark.bench, pytest.mark.serial]

COMMITS = 300
RUNS = 64
TYPE = "noop"
TOKEN = b"x" * 300
OUTCOME = b'{"output":{"ok":true},"started_at":1763697600000,"ended_at":1763697600001}'


def cpu_us() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


async def server_us(bus: RedisBus) -> float:
    """Time the server spent in functions since the last reset."""
    text = (await bus.ask(b"INFO", b"commandstats")).decode()
    line = next(line for line in text.splitlines() if line.startswith("cmdstat_fcall:"))
    return float(dict(part.split("=") for part in line.split(":")[1].split(","))["usec"])


def batch(number: int, page_size: int) -> Commit:
    runs = [
        RunWrite(
            f"0-run{i}",
            {"head": f"1 {number} 0 1 owner/{number} 0", "n:a": "5 1 1 0 1 0 0 success"},
            {f"n{number}": OUTCOME},
        )
        for i in range(RUNS)
    ]
    tokens = [(f"0-run{i}/n{number}/1/1", TOKEN) for i in range(RUNS)]
    pages = [Page(TYPE, tokens[i : i + page_size]) for i in range(0, RUNS, page_size)]
    return Commit(0, "o", number, f"{number + 1}-0", runs, pages, event=b"e" * 100 * RUNS)


async def commits(bus: RedisBus, count: int, page_size: int) -> tuple[float, float]:
    """(server, client) µs a step of `commit`."""
    lease = await bus.acquire(0, "o", 60_000)
    assert lease is not None
    batches = [batch(lease.commit + i, page_size) for i in range(count)]
    await bus.ask(b"CONFIG", b"RESETSTAT")
    before = cpu_us()
    for made in batches:
        await bus.commit(made)
    client = cpu_us() - before
    return await server_us(bus) / count / RUNS, client / count / RUNS


async def completions(bus: RedisBus) -> tuple[float, float]:
    """(server, client) µs a token of `complete`, all pages that the commits left."""
    tokens, server, client = 0, 0.0, 0.0
    while taken := await bus.take({TYPE: [0]}, "c", count=16, block_ms=0):
        done = [Done(0, d.type, d.id, [(token, OUTCOME) for token, _ in d.tokens]) for d in taken]
        await bus.ask(b"CONFIG", b"RESETSTAT")
        before = cpu_us()
        await bus.complete(done)
        client += cpu_us() - before
        server += await server_us(bus)
        tokens += sum(len(d.tokens) for d in taken)
    return server / tokens, client / tokens


async def pipelined(lane: Lane, count: int, at_once: int) -> float:
    """Client CPU µs a command when so many are sent in one turn."""
    before = cpu_us()
    for _ in range(count // at_once):
        futures = [await lane.submit(b"XADD", b"s", b"*", b"k", b"v") for _ in range(at_once)]
        await futures[-1]
    return (cpu_us() - before) / count


async def alone(lane: Lane, count: int) -> tuple[float, float]:
    """(client CPU, wall) µs of a command that waits for its reply."""
    before, start = cpu_us(), time.perf_counter()
    for _ in range(count):
        await lane.call(b"PING")
    return (cpu_us() - before) / count, (time.perf_counter() - start) * 1e6 / count


async def test_bus(valkey_url: str, key_prefix: str, figures: Figures) -> None:
    bus = await RedisBus.connect(valkey_url, key_prefix)
    for page_size in (1, 32):
        note = f"pages of {page_size}"
        server, client = await commits(bus, COMMITS, page_size)
        figures.add(f"bus: commit, server, {note}", server, "us/step", f"{RUNS} runs a commit")
        figures.add(f"bus: commit, client, {note}", client, "us/step")
        server, client = await completions(bus)
        figures.add(f"bus: complete, server, {note}", server, "us/token")
        figures.add(f"bus: complete, client, {note}", client, "us/token")
    lane = Lane(bus.address)
    await lane.open()
    for at_once in (16, 128):
        client = await pipelined(lane, 50_000, at_once)
        figures.add(f"bus: lane, {at_once} commands in one write", client, "us/command")
    client, wall = await alone(lane, 5_000)
    figures.add("bus: lane, a command alone", client, "us/command", f"round trip {wall:.0f} us")
    await lane.close()
    await bus.close()
