"""Random commands to the in-memory bus and to a server: every reply must be the same.

Entry ids differ between the two, so the machine keeps what was read or taken in pairs.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
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
ALL_TOKENS = [f"{p}-r/{n}/1/1" for p in (0, 1) for n in "abcd"]
TOKENS = st.sampled_from(ALL_TOKENS)
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
ACTIONS = ["complete", "split", "surrender", "heartbeat", "nothing"]


class SideBySide(RuleBasedStateMachine):
    """Few rules, each with a choice inside: many small rules would rarely meet in one example."""

    def __init__(self, loop: BackgroundLoop, url: str) -> None:
        super().__init__()
        self.loop = loop
        self.memory, self.server, self._client = loop.run(_connect(url))
        self.held: list[tuple[Delivery, Delivery, str]] = []
        self.read: dict[int, list[tuple[Entry, Entry]]] = {0: [], 1: []}
        self.number = {0: 0, 1: 0}
        self.owner: dict[int, str | None] = {0: None, 1: None}
        self.now = 100

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

    # ── coordinators ───────────────────────────────────────────────────────────────────────

    def _acquire(self, p: int, owner: str, lease_ms: int) -> None:
        lease, _ = self.both("acquire", p, owner, lease_ms, now=self.now)
        if isinstance(lease, Lease):
            self.owner[p], self.number[p] = owner, lease.commit

    def _commit(self, p: int, commit: Commit, consumed: int, owner: str, number: int) -> None:
        read = self.read[p]
        cursors = [e.id for e in read[consumed % len(read)]] if read else ["0-0", "0-0"]
        ours, theirs = (
            replace(commit, p=p, owner=owner, number=number, cursor=id) for id in cursors
        )
        reply, _ = self.each("commit", ((ours,), {}), ((theirs,), {}))
        if isinstance(reply, int):
            self.owner[p], self.number[p] = owner, number + 1

    @rule(p=PARTITIONS, commit=COMMITS, consumed=st.integers(0, 99))
    def transition(self, p: int, commit: Commit, consumed: int) -> None:
        """A commit that is mostly good, after a takeover if nobody owns the partition."""
        if self.owner[p] is None:
            self.now += 100
            self._acquire(p, "a", 20)
        self._commit(p, commit, consumed, self.owner[p] or "a", self.number[p])

    @rule(p=PARTITIONS, owner=OWNERS, passed=st.sampled_from([0, 10, 100]),
          action=st.sampled_from(["acquire", "acquire", "release", "renew", "commit"]),
          commit=COMMITS, number=st.integers(0, 3))  # fmt: skip
    def contend(
        self, p: int, owner: str, passed: int, action: str, commit: Commit, number: int
    ) -> None:
        self.now += passed
        match action:
            case "acquire":
                self._acquire(p, owner, 20)
            case "release":
                released, _ = self.both("release", p, owner)
                self.owner[p] = None if released else self.owner[p]
            case "renew":
                self.both("renew", p, owner, 60_000)
            case "commit":
                self._commit(p, commit, 0, owner, number)

    @rule(p=PARTITIONS, limit=st.integers(1, 3), passed=st.integers(0, 20))
    def fire_timers(self, p: int, limit: int, passed: int) -> None:
        self.both("fire_timers", p, limit=limit, now=1 + passed)

    @rule(p=PARTITIONS, entries=st.lists(FIELDS, max_size=3), late=st.sampled_from([None, 1]))
    def send(self, p: int, entries: list[list[tuple[str, bytes]]], late: int | None) -> None:
        self.both("send", p, entries, not_after=late)

    # ── workers ────────────────────────────────────────────────────────────────────────────

    @rule(consumer=CONSUMERS, count=st.integers(1, 3), at=st.integers(0, 3), value=VALUES,
          action=st.sampled_from(ACTIONS), dies=st.booleans())  # fmt: skip
    def work(
        self, consumer: str, count: int, at: int, value: bytes, action: str, dies: bool
    ) -> None:
        """Take, act on what was taken, and perhaps die: then all of it is claimed."""
        asked = {"http": [0, 1], "python": [1, 0]}
        replies = self.both("take", asked, consumer, count=count, block_ms=0)
        ordered = (sorted(reply, key=lambda d: (d.p, d.type)) for reply in replies)
        taken = [(*pair, consumer) for pair in zip(*ordered, strict=True)]
        self.held += taken
        self._act(action, taken, consumer, at, value)
        if dies:
            for p, type in sorted({(d.p, d.type) for d, _, _ in taken}):
                self.claim(p, type, 0, 9, 3)

    @precondition(lambda self: self.held)
    @rule(indices=st.lists(st.integers(0, 99), min_size=1, max_size=4), consumer=CONSUMERS,
          at=st.integers(0, 3), value=VALUES, action=st.sampled_from(ACTIONS))  # fmt: skip
    def work_on(
        self, indices: list[int], consumer: str, at: int, value: bytes, action: str
    ) -> None:
        """On anything ever taken: much of it is finished or another's, and some named twice."""
        held = [self.held[i % len(self.held)] for i in indices]
        self._act(action, held, consumer, at, value)

    def _act(
        self, action: str, held: list[tuple[Delivery, Delivery, str]], consumer: str, at: int,
        value: bytes,
    ) -> None:  # fmt: skip
        sides = [[m for m, _, _ in held], [s for _, s, _ in held]]
        match action:
            case "complete":
                ours, theirs = ([_done(d, value) for d in side] for side in sides)
                self.each("complete", ((ours,), {}), ((theirs,), {}))
            case "heartbeat":
                beats = [[(d.p, d.type, d.id) for d in side] for side in sides]
                self.each("heartbeat", ((consumer, beats[0]), {}), ((consumer, beats[1]), {}))
            case "surrender":
                for memory, server, _ in held:
                    self.each(action, ((memory, consumer), {}), ((server, consumer), {}))
            case "split":
                for memory, server, _ in held:
                    rest = (consumer, *_parts(memory, at, value))
                    self.each(action, ((memory, *rest), {}), ((server, *rest), {}))

    @rule(p=PARTITIONS, type=TYPES, idle_ms=st.sampled_from([0, 0, 3_600_000]),
          limit=st.integers(1, 3), deliveries=st.integers(1, 4))  # fmt: skip
    def claim_some(self, p: int, type: str, idle_ms: int, limit: int, deliveries: int) -> None:
        self.claim(p, type, idle_ms, limit, deliveries)

    def claim(self, p: int, type: str, idle_ms: int, limit: int, deliveries: int) -> None:
        self.both(
            "claim", p, type, "claimer", min_idle_ms=idle_ms, limit=limit,
            max_deliveries=deliveries, lost=b"lost", cancelled=b"c",
        )  # fmt: skip

    # ── everybody else ─────────────────────────────────────────────────────────────────────

    @rule(p=PARTITIONS, index=st.integers(0, 99))
    def delete_event(self, p: int, index: int) -> None:
        events = list(zip(*self.both("read_events", {p: "0-0"}, count=9, block_ms=0), strict=True))
        if events:
            ours, theirs = ({p: [e.id]} for e in events[index % len(events)])
            self.each("delete_events", ((ours,), {}), ((theirs,), {}))

    @rule(number=st.integers(1, 9), name=OWNERS, value=VALUES,
          action=st.sampled_from(["publish", "register", "unregister", "join", "leave", "put",
                                  "get", "lose"]))  # fmt: skip
    def aside(self, number: int, name: str, value: bytes, action: str) -> None:
        """What has nothing to do with partitions, and now and then the loss of everything."""
        match action:
            case "publish":
                self.both("publish_partitions", number)
                self.both("partitions")
            case "register":
                self.both(
                    "register",
                    WorkerInfo(name, "python", [], 8, "h", 1, 1, number, 3_600_000),
                )
            case "unregister":
                self.both("unregister", name)
            case "join":
                self.both("join", name, stale_after_ms=3_600_000)
            case "leave":
                self.both("leave", name)
            case "put":
                self.both("cas_put", name, "sha256:1", value, ttl_s=60)
            case "get":
                self.both("cas_get", name, "sha256:1", ttl_s=60)
            case "lose" if number == 9:
                self.loop.run(_lose(self.memory, self.server))
                self.owner = {0: None, 1: None}
        self.both("workers")

    @invariant()
    def hold_the_same(self) -> None:
        for p in (0, 1):
            replies = self.both("read_signals", {p: "0-0"}, count=1_000, block_ms=0)
            self.read[p] = list(zip(*replies, strict=True))
            self.both("backlog", p)
            self.both("load_runs", p, ["r1", "r2", "r3"])
            self.both("load_outputs", p, "r1", ["head", "n:a", "n:b"])
            self.both("heads", p, ["r3", "r2", "r1"])
            self.both("read_dead", {p: "0-0"}, count=1_000, block_ms=0)
        self.both("cancelled", ALL_TOKENS)


def _done(delivery: Delivery, value: bytes) -> Done:
    results = [(name, value) for name, _ in delivery.tokens]
    return Done(delivery.p, delivery.type, delivery.id, results)


def _parts(
    delivery: Delivery, at: int, value: bytes
) -> tuple[list[tuple[str, bytes]], str, list[tuple[str, bytes]]]:
    """Results, the token in hand, the unstarted."""
    at %= len(delivery.tokens)
    results = [(name, value) for name, _ in delivery.tokens[:at]]
    return results, delivery.tokens[at][0], delivery.tokens[at + 1 :]


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
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
