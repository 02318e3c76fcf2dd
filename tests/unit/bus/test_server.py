"""What a server says of itself."""

from __future__ import annotations

import pytest

from minuet.bus.server import ClusterInfo, server_info

VALKEY = {
    "server_name": "valkey", "redis_version": "7.2.4", "valkey_version": "9.1.2", "run_id": "abc",
    "used_memory": "300", "maxmemory": "400", "maxmemory_policy": "noeviction", "aof_enabled": "1",
}  # fmt: skip


def text(**changes: str) -> bytes:
    said = {**VALKEY, **changes}
    return ("# Server\r\n" + "".join(f"{k}:{v}\r\n" for k, v in said.items())).encode()


def test_info_is_read() -> None:
    info = server_info(text())
    assert (info.name, info.version, info.run_id) == ("valkey", "9.1.2", "abc")
    assert info.memory_fraction == 0.75
    assert info.faults() == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"valkey_version": "7.2.5"}, "too old"),
        ({"maxmemory_policy": "allkeys-lru"}, "noeviction"),
        ({"aof_enabled": "0"}, "appendonly"),
        ({"maxmemory": "0"}, "maxmemory is not set"),
    ],
)
def test_a_server_that_may_lose_runs_is_at_fault(changes: dict[str, str], fault: str) -> None:
    (found,) = server_info(text(**changes)).faults()
    assert fault in found


def test_a_cluster_is_as_full_and_as_fit_as_its_worst_master() -> None:
    good = server_info(text())
    full = server_info(text(used_memory="90", maxmemory="100", run_id="other"))
    bad = server_info(text(aof_enabled="0"))
    cluster = ClusterInfo({"a:1": good, "b:1": full, "c:1": bad})
    assert cluster.memory_fraction == 0.9
    assert cluster.faults() == ["c:1: appendonly is off: it must be on"]
    assert cluster.run_id != ClusterInfo({"a:1": good, "b:1": good, "c:1": bad}).run_id
