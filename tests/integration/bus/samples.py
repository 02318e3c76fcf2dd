"""One valid call of each function on a partition that `seed` filled.

Whole numbers are given as int and entry ids as Id, so that a test can put wrong types there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from minuet.bus.codes import FunctionName
from minuet.bus.keys import Keys

GROUP = "workers"
CONSUMER = "c"
OWNER = "o"
TYPE = "http"


class Id(str):
    """An entry id."""


Argument = int | str | bytes


@dataclass(frozen=True)
class Sample:
    name: FunctionName
    keys: list[str]
    args: list[Argument]


def seed(client: Redis, keys: Keys) -> Id:
    """A held lease, a due timer, a signal, a pending page of two tokens; the id of the page."""
    client.hset(
        keys.lease(0),
        mapping={"owner": OWNER, "expires_at": 1, "commit": 0, "cursor": "0-0"},
    )
    client.zadd(keys.timers(0), {"retry t": 1})
    client.xadd(keys.signals(0), {"k": "start"})
    client.hset(keys.run(0, "0-r"), mapping={"head": "h", "n:a": "1"})
    client.hset(keys.workers, "old", "1 {}")
    client.xgroup_create(keys.tasks(0, TYPE), GROUP, "0", mkstream=True)
    client.xgroup_createconsumer(keys.tasks(0, TYPE), GROUP, "gone")
    added = client.xadd(keys.tasks(0, TYPE), {"0-r/a/1/1": "{}", "0-r/b/1/1": "{}"})
    client.xreadgroup(GROUP, CONSUMER, {keys.tasks(0, TYPE): ">"})
    assert isinstance(added, bytes)
    return Id(added.decode())


def samples(keys: Keys, entry: Id) -> list[Sample]:
    lease, signals, tasks = keys.lease(0), keys.signals(0), keys.tasks(0, TYPE)
    splits, cancelled, timers = keys.splits(0), keys.cancelled(0), keys.timers(0)
    mark = f"{TYPE} {entry}"
    return [
        Sample("drop_consumers", [tasks], [0]),
        Sample("acquire", [lease, signals], [OWNER, 1000, 0]),
        Sample("renew", [lease], [OWNER, 1000, 0]),
        Sample("release", [lease], [OWNER]),
        Sample("send", [signals], [0, 2, 2, "k", "start", 4, "k", "start", "s", "{}"]),
        Sample("send_anyway", [signals], [0, 1, 2, "k", "command"]),
        Sample("fire_timers", [timers, signals], [10, 0]),
        Sample("join", [keys.coordinators], ["me", 1000]),
        Sample("publish_partitions", [keys.partitions], [8]),
        Sample("journal", [keys.journal("t", "k")], ["", "sha256:1", 60]),
        Sample("register", [keys.workers], ["me", 1000, "{}"]),
        Sample("complete", [signals, splits, tasks], [entry, mark, 2, "0-r/a/1/1", "{}"]),
        Sample(
            "split",
            [tasks, signals, splits],
            [CONSUMER, entry, mark, "0-r/a/1/1", 0, 2, "0-r/b/1/1", "{}"],
        ),
        Sample("surrender", [tasks, splits], [CONSUMER, entry, mark]),
        Sample("withdraw", [tasks, splits], [TYPE, 1, 1, entry, "0-r"]),
        Sample("vouch", [keys.voucher(0)], ["", "compared 1 epoch server"]),
        Sample("heartbeat", [tasks], [CONSUMER, 1, entry]),
        Sample("make_groups", [keys.tasks(0, "other")], []),
        Sample("claim", [tasks, signals, splits, cancelled], [TYPE, 0, 10, 5, "{}", "{}"]),
        Sample("commit", commit_keys(keys), commit_args()),
    ]


def commit_keys(keys: Keys) -> list[str]:
    return [
        keys.lease(0), keys.signals(0), keys.events(0), keys.timers(0), keys.cancelled(0),
        keys.dead(0), keys.run(0, "0-r"), keys.out(0, "0-r"), keys.run(0, "0-s"),
        keys.out(0, "0-s"), keys.tasks(0, TYPE),
    ]  # fmt: skip


def commit_args() -> list[Argument]:
    """Every section filled."""
    sections: Sequence[Argument] = (
        0, 2, 2, "head", "h2", "a", "1",
        3, 2, 0, "head", "h3",
        2, "0-s/a/1/1", "{}",
        5, "wait x",
        "retry t",
        "0-s/b/1/1", "0-s/c/1/1",
        2, "k", "continue",
        2, "k", "poison",
    )  # fmt: skip
    return [OWNER, 0, Id("0-0"), "{}", 2, 1, 1, 1, 2, 1, 1, *sections]
