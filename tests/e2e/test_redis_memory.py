"""Redis holds nothing of runs that are over: however they ended, and whatever they left behind."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.support.waiting import until

from .rig import Json, Rig, chain, document
from .rig import rig as started

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(480)]

SWEEP_S = "5"
LIMIT_S = 300.0
SLACK_BYTES = 1024 * 1024


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder: Path = tmp_path_factory.mktemp("redis memory")
    with started(folder, {"MINUET_RETENTION_SWEEP_S": SWEEP_S}) as made:
        yield made


@pytest.fixture(scope="module")
def redis(rig: Rig) -> Iterator[Redis]:
    with Redis.from_url(rig.suite.redis_url) as client:
        yield client


def note(id: str, value: str = "${inputs.n}") -> Json:
    return {"id": id, "type": "e2e.note", "config": {"value": value}}


def sleeper(type: str, config: Json) -> Json:
    return {"nodes": [note("first"), {"id": "sleep", "type": type, "config": config}],
            "edges": [{"from": "first", "to": "sleep"}]}  # fmt: skip


BODY = {
    "nodes": [note(id, "${inputs.item}") for id in ("one", "two")],
    "edges": [{"from": "one", "to": "two"}],
}
DOCUMENTS: dict[str, tuple[int, Json]] = {
    "chain": (200, document("chain", [note(id) for id in "abc"], chain("abc"))),
    "fails": (60, document(
        "fails", [note("a"), {"id": "b", "type": "e2e.fail", "config": {"message": "no"}}],
        chain("ab"),
    )),
    "loops": (60, document("loops", [note("a"), note("b")], [
        {"from": "a", "to": "b"},
        {"from": "b", "to": "a", "loop": {"while": "iteration < 2", "max_iterations": 5}},
    ])),
    "maps": (30, document("maps", [
        {"id": "fan", "type": "map", "config": {"items": "5", "run": BODY}},
    ])),
    "large": (50, document("large", [
        {"id": "make", "type": "e2e.large", "config": {"size": "${inputs.n + 150000}"}},
        {"id": "use", "type": "e2e.measure", "config": {"text": "${nodes.make.output.text}"}},
    ], chain(["make", "use"]), outputs={"all": "${nodes.make.output}"})),
    "waits": (50, document("waits", **sleeper("wait", {"for": "30d"}))),
    "nobody": (50, document("nobody", **sleeper("e2e.late", {"value": 1}))),
}  # fmt: skip
CANCELLED = {"waits", "nobody"}


def start_all(rig: Rig, counts: dict[str, int]) -> dict[str, list[str]]:
    return {
        name: [rig.start(name, {"n": i}) for i in range(count)] for name, count in counts.items()
    }


def cancel(rig: Rig, run: str) -> None:
    rig.until_noted(run, "first", "ran", 60)
    answer = rig.http.post(f"/runs/{run}/cancel")
    assert answer.status_code in (200, 202), answer.text


def run_all(rig: Rig, counts: dict[str, int]) -> None:
    """Start that many of each kind, and see to it that all end."""
    runs = start_all(rig, counts)
    for name in CANCELLED:
        for run in runs[name]:
            cancel(rig, run)
    wanted = {"fails": "failed", "waits": "cancelled", "nobody": "cancelled"}
    for name, of_kind in runs.items():
        for run in of_kind:
            assert rig.wait(run)["status"] == wanted.get(name, "succeeded"), name


def keys(redis: Redis) -> set[bytes]:
    return set(redis.scan_iter(count=1000))


def shapes(found: set[bytes]) -> set[bytes]:
    """Keys of partitions without their number: the first runs may have passed one by."""
    return {re.sub(rb"\{\d+\}", b"{p}", key) for key in found}


def of_runs(redis: Redis) -> list[bytes]:
    """What is there of runs: their keys, their values, their tokens."""
    found = [key for key in keys(redis) if b":run:" in key or b":out:" in key or b"cas:" in key]
    for key in keys(redis):
        if b":tasks:" in key or key.endswith((b":live", b":events", b":dead")):
            found += [key] * int(redis.xlen(key))
        if key.endswith((b":cancelled", b":timers")):
            found += [key] * int(redis.zcard(key))
    return found


def used(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])


def settled(redis: Redis, allowed: set[bytes]) -> bool:
    return not [key for key in of_runs(redis) if key not in allowed]


def test_redis_returns_to_its_base_line_after_five_hundred_runs(rig: Rig, redis: Redis) -> None:
    late = rig.work("tests.e2e.late_nodes", "e2e.late")
    for _, each in DOCUMENTS.values():
        rig.apply(each)
    late.stop()
    run_all(rig, dict.fromkeys(DOCUMENTS, 2))
    # Applied documents stay in the cache for a day: they are the suite's, not the runs'.
    definitions = {key for key in keys(redis) if key.startswith(b"cas:") and _is_applied(rig, key)}
    until(lambda: settled(redis, definitions), "the first runs have left", LIMIT_S)
    base_keys, base_used = keys(redis), used(redis)

    run_all(rig, {name: count for name, (count, _) in DOCUMENTS.items()})
    assert all(redis.ttl(key) > 0 for key in keys(redis) if key.startswith(b"cas:"))
    peak_keys, peak_used = len(keys(redis)), used(redis)
    ended_at = time.monotonic()
    until(lambda: settled(redis, definitions), "all runs have left", LIMIT_S)
    took_s = time.monotonic() - ended_at
    print(
        f"\nkeys {len(base_keys)} -> {peak_keys} -> {len(keys(redis))}, used "
        f"{base_used:,} -> {peak_used:,} -> {used(redis):,} bytes, after {took_s:.0f} s"
    )
    assert shapes(keys(redis)) == shapes(base_keys)
    assert len(keys(redis)) < len(base_keys) + 8 * len(shapes(base_keys))
    assert used(redis) < base_used + SLACK_BYTES


def _is_applied(rig: Rig, key: bytes) -> bool:
    """Whether the value is a document or a compiled one, of a version or of a body in one."""
    value = rig.get(f"/blobs/{key.decode().split(':', 2)[2]}")
    return isinstance(value, dict) and "nodes" in value


def test_what_an_old_copy_of_redis_brings_back_leaves_again(rig: Rig, redis: Redis) -> None:
    """A run lives on there that has ended for Postgres, and waits for what will never come. One
    that was deleted meanwhile, too."""
    rig.apply(DOCUMENTS["waits"][1])
    ended, deleted = rig.start("waits", {"n": 1}), rig.start("waits", {"n": 2})
    copies: dict[bytes | str, bytes | None] = {}
    for run in (ended, deleted):
        rig.until_node(run, "sleep", "waiting")
        for key in redis.keys(f"*:{run}"):
            copies[key] = redis.dump(key)
        cancel(rig, run)
        assert rig.wait(run)["status"] == "cancelled"
    assert rig.http.delete(f"/runs/{deleted}").status_code == 204
    assert len(copies) >= 2
    until(lambda: not redis.exists(*copies), "both have left", LIMIT_S)
    for key, copy in copies.items():
        assert copy is not None
        redis.restore(key, 0, copy)
    until(lambda: not redis.exists(*copies), "both have left again", LIMIT_S)
    assert rig.get(f"/runs/{ended}")["status"] == "cancelled"
    assert rig.http.get(f"/runs/{deleted}").status_code == 404
