"""Random commands to the in-memory bus and to a server: every reply must be the same.

Entry ids differ between the two, so the machine keeps what was read or taken in pairs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis

from minuet.bus.api import Commit, Delivery, Done, Entry, Lease, Loaded, Page, RunWrite, WorkerInfo
from minuet.bus.memory import MemoryBus
from minuet.model.errors import MinuetError
from tests.support.background import BackgroundLoop

from .rig import Bus, Rig, memory_rig, server_rig

PARTITIONS = st.sampled_from([0, 1])
OWNERS = st.sampled_from(["a", "b"])
CONSUMERS = st.sampled_from(["w1", "w2"])
TYPES = st.sampled_from(["http", "python"])
RUNS = st.sampled_from(["r1", "r2", "r3"])
NODES = st.sampled_from(["head", "n:a", "n:b"])
VALUES = st.sampled_from([b"", b"x", b"\x00\xff", b"42"])
TOKENS = st.sampled_from([f"0-r/{n}/1/1" for n in "abcdefgh"])
FIELDS = st.lists(st.tuples(st.sampled_from(["k", "s", "t"]), VALUES), min_size=1, max_size=3)
RUN_WRITES = st.builds(
    lambda run, fields, outputs, drop: RunWrite(
        run, dict(fields), dict(outputs), drop == "purge", drop == "unlink", drop == "replace"
    ),
    RUNS,
    st.dictionaries(NODES, VALUES, max_size=3),
    st.dictionaries(NODES, VALUES, max_size=2),
    st.sampled_from(["", "", "", "purge", "unlink", "replace"]),
)
PAGES = st.builds(
    Page,
    TYPES,
    st.lists(st.tuples(TOKENS, VALUES), min_size=1, max_size=4, unique_by=lambda pair: pair[0]),
)
TIMERS = st.sampled_from([f"wait {n}" for n in "abcd"])
COMMITS = st.builds(
    lambda **sections: Commit(0, "", 0, "0-0", **sections),
    runs=st.lists(RUN_WRITES, max_size=2, unique_by=lambda write: write.run),
    pages=st.lists(PAGES, max_size=2),
    timers_add=st.lists(st.tuples(TIMERS, st.integers(0, 40)), max_size=3),
    timers_del=st.lists(TIMERS, max_size=2),
    cancelled=st.lists(TOKENS, max_size=2),
    signals=st.lists(FIELDS, max_size=2),
    event=st.sampled_from([None, b"{}", b"\x00"]),
    dead_letters=st.lists(st.tuples(st.just("kind"), VALUES).map(lambda f: [f]), max_size=1),
)
LOST = b"lost"


class SideBySide(RuleBasedStateMachine):
    """Indices into `held` and `read` may point at things long finished: that is wanted."""

    def __init__(self, loop: BackgroundLoop, url: str) -> None:
        super().__init__()
        self.loop = loop
        self.memory, self.server, self._client = loop.run(_connect(url))
        self.held: list[tuple[Delivery, Delivery, str]] = []
        self.read: list[tuple[Entry, Entry]] = []
        self.events: list[tuple[Entry, Entry]] = []
        self.number = {0: 0, 1: 0}
        self.owner = {0: "nobody", 1: "nobody"}

    def teardown(self) -> None:
        self.loop.run(_close(self.server, self._client))

    def both(self, method: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Replies of memory and server, compared; what differs by nature is taken out first."""
        return self.each(method, (args, kwargs), (args, kwargs))

    def each(self, method: str, memory: Any, server: Any) -> tuple[Any, Any]:
        ours = self.loop.run(_ask(self.memory.bus, method, *memory))
        theirs = self.loop.run(_ask(self.server.bus, method, *server))
        assert _comparable(ours) == _comparable(theirs)
        return ours, theirs

    def pair(self, pairs: Sequence[Any], index: int) -> Any:
        return pairs[index % len(pairs)]

    # ── coordinators ───────────────────────────────────────────────────────────────────────

    @rule(p=PARTITIONS, owner=OWNERS, now=st.integers(1, 60), lease_ms=st.integers(1, 20))
    def acquire(self, p: int, owner: str, now: int, lease_ms: int) -> None:
        lease, _ = self.both("acquire", p, owner, lease_ms, now=now)
        if isinstance(lease, Lease):
            self.owner[p], self.number[p] = owner, lease.commit

    @rule(p=PARTITIONS, owner=OWNERS)
    def release(self, p: int, owner: str) -> None:
        self.both("release", p, owner)

    @rule(p=PARTITIONS, owner=OWNERS)
    def renew(self, p: int, owner: str) -> None:
        self.both("renew", p, owner, 60_000)

    @rule(name=OWNERS, leaves=st.booleans())
    def live_coordinators(self, name: str, leaves: bool) -> None:
        if leaves:
            self.both("leave", name)
        self.both("join", "me", stale_after_ms=3_600_000)

    @rule(p=PARTITIONS, commit=COMMITS, index=st.integers(0, 99))
    def commit(self, p: int, commit: Commit, index: int) -> None:
        self._commit(p, commit, index, self.owner[p], self.number[p])

    @rule(p=PARTITIONS, commit=COMMITS, owner=OWNERS, number=st.integers(0, 2))
    def commit_of_anybody(self, p: int, commit: Commit, owner: str, number: int) -> None:
        self._commit(p, commit, 0, owner, number)

    def _commit(self, p: int, commit: Commit, index: int, owner: str, number: int) -> None:
        cursors = [pair for pair in self.read if pair[0].p == p]
        ids = [e.id for e in self.pair(cursors, index)] if cursors else ["0-0", "0-0"]
        ours, theirs = (replace(commit, p=p, owner=owner, number=number, cursor=id) for id in ids)
        reply, _ = self.each("commit", ((ours,), {}), ((theirs,), {}))
        if isinstance(reply, int):
            self.owner[p], self.number[p] = owner, number + 1

    @rule(p=PARTITIONS, count=st.integers(1, 5))
    def read_signals(self, p: int, count: int) -> None:
        replies = self.both("read_signals", {p: "0-0"}, count=count, block_ms=0)
        self.read.extend(zip(*replies, strict=True))

    @rule(p=PARTITIONS, limit=st.integers(1, 3), now=st.integers(1, 50))
    def fire_timers(self, p: int, limit: int, now: int) -> None:
        self.both("fire_timers", p, limit=limit, now=now)

    @rule(p=PARTITIONS, run=RUNS)
    def load(self, p: int, run: str) -> None:
        self.both("load_runs", p, [run, "r1"])
        self.both("load_outputs", p, run, ["head", "n:a", "n:b"])
        self.both("heads", p, ["r2", run])

    @rule(p=PARTITIONS)
    def backlog(self, p: int) -> None:
        self.both("backlog", p)

    @rule(p=PARTITIONS, entries=st.lists(FIELDS, max_size=3), late=st.sampled_from([None, 1]))
    def send(self, p: int, entries: list[list[tuple[str, bytes]]], late: int | None) -> None:
        self.both("send", p, entries, not_after=late)

    # ── workers ────────────────────────────────────────────────────────────────────────────

    @rule(consumer=CONSUMERS, types=st.lists(TYPES, min_size=1, unique=True),
          partitions=st.sampled_from([[0], [1], [0, 1]]), count=st.integers(1, 3))  # fmt: skip
    def take(self, consumer: str, types: list[str], partitions: list[int], count: int) -> None:
        asked = dict.fromkeys(types, partitions)
        replies = self.both("take", asked, consumer, count=count, block_ms=0)
        ordered = (sorted(reply, key=lambda d: (d.p, d.type)) for reply in replies)
        self.held += [(*pair, consumer) for pair in zip(*ordered, strict=True)]

    @precondition(lambda self: self.held)
    @rule(indices=st.lists(st.integers(0, 99), min_size=1, max_size=4), value=VALUES)
    def complete(self, indices: list[int], value: bytes) -> None:
        pairs = [self.pair(self.held, i) for i in indices]
        ours, theirs = (
            [Done(d.p, d.type, d.id, [(name, value) for name, _ in d.tokens]) for d in side]
            for side in ([m for m, _, _ in pairs], [s for _, s, _ in pairs])
        )
        self.each("complete", ((ours,), {}), ((theirs,), {}))

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 99), at=st.integers(0, 3), stranger=st.booleans())
    def split(self, index: int, at: int, stranger: bool) -> None:
        memory, server, consumer = self.pair(self.held, index)
        consumer = "stranger" if stranger else consumer
        at %= len(memory.tokens)
        results = [(name, b"split") for name, _ in memory.tokens[:at]]
        rest = (consumer, results, memory.tokens[at][0], memory.tokens[at + 1 :])
        self.each("split", ((memory, *rest), {}), ((server, *rest), {}))

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 99), stranger=st.booleans())
    def surrender(self, index: int, stranger: bool) -> None:
        memory, server, consumer = self.pair(self.held, index)
        consumer = "stranger" if stranger else consumer
        self.each("surrender", ((memory, consumer), {}), ((server, consumer), {}))

    @precondition(lambda self: self.held)
    @rule(indices=st.lists(st.integers(0, 99), max_size=4), consumer=CONSUMERS)
    def heartbeat(self, indices: list[int], consumer: str) -> None:
        pairs = [self.pair(self.held, i) for i in indices]
        ours, theirs = ([(d.p, d.type, d.id) for d in side] for side in
                        ([m for m, _, _ in pairs], [s for _, s, _ in pairs]))  # fmt: skip
        self.each("heartbeat", ((consumer, ours), {}), ((consumer, theirs), {}))

    @rule(p=PARTITIONS, type=TYPES, idle_ms=st.sampled_from([0, 0, 3_600_000]),
          limit=st.integers(1, 3), deliveries=st.integers(1, 4))  # fmt: skip
    def claim(self, p: int, type: str, idle_ms: int, limit: int, deliveries: int) -> None:
        self.both(
            "claim", p, type, "claimer", min_idle_ms=idle_ms, limit=limit,
            max_deliveries=deliveries, lost=LOST,
        )  # fmt: skip

    @rule(tokens=st.lists(TOKENS, max_size=4))
    def cancelled(self, tokens: list[str]) -> None:
        self.both("cancelled", tokens)

    @rule(id=st.sampled_from(["w1", "w2"]), busy=st.integers(0, 3), leaves=st.booleans())
    def registry(self, id: str, busy: int, leaves: bool) -> None:
        if leaves:
            self.both("unregister", id)
        else:
            self.both("register", WorkerInfo(id, "python", [], 8, "h", 1, 1, busy, 3_600_000))
        self.both("workers")

    # ── everybody else ─────────────────────────────────────────────────────────────────────

    @rule(p=PARTITIONS)
    def read_events(self, p: int) -> None:
        replies = self.both("read_events", {p: "0-0"}, count=5, block_ms=0)
        self.events.extend(zip(*replies, strict=True))

    @precondition(lambda self: self.events)
    @rule(index=st.integers(0, 99))
    def delete_event(self, index: int) -> None:
        ours, theirs = ({e.p: [e.id]} for e in self.pair(self.events, index))
        self.each("delete_events", ((ours,), {}), ((theirs,), {}))

    @rule(count=st.integers(1, 9))
    def partitions(self, count: int) -> None:
        self.both("publish_partitions", count)
        self.both("partitions")

    @rule(tenant=st.sampled_from(["t", "u"]), value=VALUES, put=st.booleans())
    def cache(self, tenant: str, value: bytes, put: bool) -> None:
        if put:
            self.both("cas_put", tenant, "sha256:1", value, ttl_s=60)
        self.both("cas_get", tenant, "sha256:1", ttl_s=60)

    @rule(p=PARTITIONS)
    def dead_letters(self, p: int) -> None:
        assert self.loop.run(self.memory.dead(p)) == self.loop.run(self.server.dead(p))

    @rule(chance=st.integers(0, 9))
    def lose_everything(self, chance: int) -> None:
        if chance == 9:
            self.loop.run(_lose(self.memory, self.server))


async def _connect(url: str) -> tuple[Rig, Rig, Redis]:
    from minuet.bus.redis import RedisBus

    prefix = f"t{uuid.uuid4().hex[:12]}:"
    client = Redis.from_url(url)
    bus = await RedisBus.connect(url, prefix)
    return memory_rig(MemoryBus()), server_rig("valkey", bus, client, prefix), client


async def _close(server: Rig, client: Redis) -> None:
    await server.lose()
    await server.bus.close()
    await client.aclose()


async def _lose(memory: Rig, server: Rig) -> None:
    await memory.lose()
    await server.lose()


async def _ask(bus: Bus, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The reply, or the type of what was raised on purpose; anything else fails the test."""
    try:
        return await getattr(bus, method)(*args, **kwargs)
    except MinuetError as error:
        return type(error)


def _comparable(reply: Any) -> Any:
    """Without ids and the server's time, and in one order where the contract leaves it open."""
    match reply:
        case Lease():
            return (reply.owner, reply.commit, reply.takeovers, reply.now)
        case Loaded():
            return dict(reply.fields)
        case Entry():
            return (reply.p, reply.fields)
        case Delivery():
            return (reply.p, reply.type, reply.tokens, reply.deliveries)
        case dict():
            return {name: count for name, count in reply.items() if count}
        case [Delivery(), *_]:
            return [_comparable(d) for d in sorted(reply, key=lambda d: (d.p, d.type))]
        case [WorkerInfo(), *_]:
            return sorted(reply, key=lambda worker: worker.id)
        case list():
            return [_comparable(item) for item in reply]
        case int() if reply > 10**12:
            return "server time"
    return reply


def test_memory_and_valkey_answer_alike(background: BackgroundLoop, valkey_url: str) -> None:
    class Machine(SideBySide):
        def __init__(self) -> None:
            super().__init__(background, valkey_url)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
