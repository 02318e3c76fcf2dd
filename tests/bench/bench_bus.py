"""What the bus costs: server time a step of `commit`, and client time a command of the lane.

    python tests/bench/bench_bus.py [commits]

Machine: whatever runs it; state it beside the figures. Input: commits of 64 runs, each with two
node fields, one output and one token (pages of 1 or 32 tokens), against an embedded Valkey with
append-only file, fsync every second. Server time is that of INFO commandstats (FCALL), client time
is CPU of this process.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from minuet.bus.api import Commit, Done, Page, RunWrite
from minuet.bus.lane import Lane
from minuet.bus.redis import RedisBus
from minuet.embedded.valkey import ValkeyServer

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


async def measure(url: str, count: int) -> None:
    bus = await RedisBus.connect(url)
    print(f"{'':44}{'server µs':>10}{'client µs':>11}")
    for page_size in (1, 32):
        server, client = await commits(bus, count, page_size)
        print(
            f"commit, 64 runs, pages of {page_size:2}, a step          {server:10.2f}{client:11.2f}"
        )
        server, client = await completions(bus)
        print(
            f"complete, pages of {page_size:2}, 16 a call, a token     {server:10.2f}{client:11.2f}"
        )
    lane = Lane(bus.address)
    await lane.open()
    for at_once in (16, 128):
        client = await pipelined(lane, 50_000, at_once)
        print(f"lane, XADD, {at_once:3} in one write, a command{'':16}{client:11.2f}")
    client, wall = await alone(lane, 5_000)
    print(f"lane, PING alone (round trip {wall:.0f} µs){'':21}{client:11.2f}")
    await lane.close()
    await bus.close()


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(Path(folder))
        await server.start()
        try:
            await measure(server.url, count)
        finally:
            await server.stop()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
