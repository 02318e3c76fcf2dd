"""Families of runs while Redis loses everything, its last moments, or single signals."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from minuet.bus.api import Commit, Fields
from minuet.ir.checks_children import KnownWorkflow, Reference
from minuet.ir.compile import compile_document
from minuet.model.canonical import digest
from minuet.model.ir import IrChild
from minuet.model.node_type import NodeType
from minuet.model.signal import Command
from minuet.model.status import RunStatus
from minuet.model.token import Outcome, TaskToken
from minuet.store.database import Database

from .test_reconciler import TENANT, Stage

pytestmark = pytest.mark.anyio

TYPES = {name: NodeType(name, effect="pure") for name in ("noop", "held")}
ITEMS = 12


class Families(Stage):
    """Nodes of type `noop` and `held` answer with ten times the item that they are handed; each
    execution is counted."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.known: dict[Reference, KnownWorkflow] = {}
        self.executed: Counter[str] = Counter()
        self.answer = self._counted  # type: ignore[method-assign]

    def _counted(self, token: TaskToken) -> Outcome:
        self.executed[str(token.id)] += 1
        n = msgspec.json.decode(token.context["inputs.item"])
        return Outcome(output=msgspec.Raw(str(10 * n).encode()))

    async def save(self, document: dict[str, Any]) -> str:
        document = {"apiVersion": "minuet/v1", **document}
        compiled = compile_document(document, TYPES, self.known)
        assert compiled.valid, compiled.diagnostics
        for body in compiled.bodies:
            await self.cas.put_durably(TENANT, body.ir)
        ref = await self.cas.put_durably(TENANT, compiled.ir_json())
        depth = compiled.require().depth
        child = IrChild(ref.digest, digest(b""), document["name"], latest=True)
        self.known[Reference(document["name"])] = KnownWorkflow(child, depth)
        return ref.digest

    async def begin(self, run: str, document: dict[str, Any]) -> None:
        ir = await self.save(document)
        await self.database.execute(
            "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
            "principal, inputs) values ($1, $2, $3, 'w', '', $4, 'key', '{}')",
            run, TENANT, int(run[0]), ir,
        )  # fmt: skip
        await self.bench.start(run, ir)

    async def sweep(self, times: int = 2) -> int:
        return sum([await self.reconciler.sweep() for _ in range(times)])

    async def heal_by_sweeps(self) -> None:
        """Sweep until every run has ended, without waiting for the interval."""
        async with asyncio.timeout(30):
            while await self.database.fetchval("select count(*) from runs where status < 6"):
                await self.sweep(1)
                await asyncio.sleep(0.05)

    async def outputs(self) -> dict[str, Any]:
        rows = await self.database.fetch("select id, outputs from runs where parent_run is null")
        return {row["id"]: msgspec.json.decode(row["outputs"]) for row in rows}

    async def until_quiet(self, query: str, wanted: Any) -> None:
        """Until Postgres says so and has recorded all that there is."""
        await self.until(query, wanted)
        for p in (0, 1):
            while await self.bus.read_events({p: "0-0"}, count=1, block_ms=0):
                await self.until(query, wanted)


def item_node(type: str) -> dict[str, Any]:
    return {"id": "step", "type": type, "config": {"n": "${inputs.item}"}}


def mapped(type: str) -> dict[str, Any]:
    """Every third item goes through a second node, of the type."""
    second = {"id": "last", "type": type, "config": {"n": "${inputs.item}"}}
    edges = [{"from": "step", "to": "last"}]
    body = {"nodes": [item_node("noop"), second], "edges": edges,
            "outputs": "${nodes.last.output}"}  # fmt: skip
    config = {"items": str(ITEMS), "run": body, "max_parallel": 5}
    node = {"id": "fan", "type": "map", "config": config}
    return {"name": "mapped", "nodes": [node], "outputs": "${nodes.fan.output.results}"}


async def nested(stage: Families) -> dict[str, Any]:
    """Three deep; the innermost is held."""
    await stage.save({"name": "w0", "nodes": [item_node("noop"), {**item_node("held"), "id": "b"}],
                      "outputs": "${nodes.b.output}"})  # fmt: skip
    for depth in (1, 2):
        await stage.save(calls(depth))
    return calls(3)


def calls(depth: int) -> dict[str, Any]:
    item = 7 if depth == 3 else "${inputs.item}"
    config = {"name": f"w{depth - 1}", "inputs": {"item": item}}
    node = {"id": "call", "type": "workflow", "config": config}
    return {"name": f"w{depth}", "nodes": [node], "outputs": "${nodes.call.output}"}


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Families]:
    async with Database(database_url, max_size=6) as database:
        yield Families(database)


async def assert_whole(database: Database) -> None:
    """Every run has one history without a gap, one end, and no item twice."""
    rows = await database.fetch("select run_id, events from transitions order by run_id, first_seq")
    events: dict[str, list[Any]] = {}
    for row in rows:
        events.setdefault(row["run_id"], []).extend(msgspec.json.decode(row["events"]))
    for run, told in events.items():
        ends = Counter(event["type"] for event in told)
        assert ends["run.ended"] == 1, run
        for kind in ("node.item", "node.ended"):
            found = Counter(
                (e["node"], e["gen"], e["data"].get("item")) for e in told if e["type"] == kind
            )
            assert all(count == 1 for count in found.values()), (run, found)
    assert await database.fetchval("select count(*) from runs where status < 6 or fork") == 0


FOUR = [f"{p}-m{i}" for p in (0, 1) for i in (0, 1)]
RESULTS = [10 * i for i in range(ITEMS)]
EXPECTED: dict[str, Any] = {**dict.fromkeys(FOUR, RESULTS), "0-deep": 70}


async def four_maps_and_three_deep(stage: Families) -> None:
    for run in FOUR:
        await stage.begin(run, mapped("held"))
    await stage.begin("0-deep", await nested(stage))


CANCELLING = f"select count(*) from runs where status = {int(RunStatus.CANCELLING)}"
ALL_HELD = "select count(*) from runs where status = 1 and parent_run is not null"


async def test_families_survive_the_loss_of_everything_in_redis(stage: Families) -> None:
    await four_maps_and_three_deep(stage)
    async with stage.playing():
        # 5 items of each map and the innermost run stand before a held node.
        await stage.until_quiet(f"{ALL_HELD} and counter = 1 and seq >= 4", 21)
        before = Counter(token for token in stage.executed if "/step/" in token)
        assert len(before) == 21
        await stage.reconciler.tick()
        stage.bus.flush()
        stage.gate.set()
        await stage.reconciler.tick()
        await stage.heal()
    assert await stage.outputs() == EXPECTED
    assert all(stage.executed[token] == 1 for token in before), "a recorded step ran again"
    await assert_whole(stage.database)


@pytest.mark.parametrize("steps", [3, 12, 30])
async def test_families_survive_a_redis_that_went_back(stage: Families, steps: int) -> None:
    await four_maps_and_three_deep(stage)
    stage.gate.set()
    async with stage.playing():
        await stage.until(f"select sum(seq) >= {steps * 5} from runs", True)
        earlier = stage.bus.snapshot()
        await stage.until(f"select sum(seq) >= {steps * 9} from runs", True)
        stage.bus.rewind(earlier)
        await stage.heal()
    assert await stage.outputs() == EXPECTED
    await assert_whole(stage.database)


def dropping(stage: Families, kind: bytes, most: int) -> Counter[str]:
    """Commits lose so many signals of that kind, as if nobody had ever sent them."""
    lost: Counter[str] = Counter()
    real = stage.bus.commit

    def kept(fields: Fields) -> bool:
        if fields[0][1] != kind or lost.total() >= most:
            return True
        lost[kind.decode()] += 1
        return False

    async def commit(commit: Commit) -> int:
        commit.signals = [fields for fields in commit.signals if kept(fields)]
        return await real(commit)

    stage.bus.commit = commit  # type: ignore[method-assign]
    return lost


@pytest.mark.parametrize("kind", [b"done", b"start"])
@pytest.mark.parametrize("make", [mapped, None])
async def test_signal_between_child_and_parent_that_was_lost_is_sent_again(
    stage: Families, kind: bytes, make: Callable[[str], dict[str, Any]] | None
) -> None:
    lost = dropping(stage, kind, 3 if make else 1)
    stage.gate.set()
    async with stage.playing():
        await stage.begin("0-x", make("noop") if make else await nested(stage))
        await stage.heal_by_sweeps()
    assert lost.total() == (3 if make else 1)
    assert await stage.outputs() == {"0-x": RESULTS if make else 70}
    await assert_whole(stage.database)


async def test_child_whose_stop_was_lost_is_stopped(stage: Families) -> None:
    """The parent ends at its deadline and tells its child once."""
    lost = dropping(stage, b"stop", 1)
    document = await nested(stage)
    document["nodes"][0]["timeout"] = "300ms"
    async with stage.playing():
        await stage.begin("0-x", document)
        await stage.until("select count(*) from runs where status >= 6", 1)
        assert lost.total() == 1
        assert await stage.database.fetchval("select count(*) from runs where status < 6") == 3
        await stage.sweep(2)
        await stage.until(CANCELLING, 3)
        stage.gate.set()
        await stage.until("select count(*) from runs where status < 6", 0)
    statuses = await stage.database.fetch("select status from runs where parent_run is not null")
    assert {row["status"] for row in statuses} == {8}
    await assert_whole(stage.database)


async def test_sweeps_leave_healthy_families_alone(stage: Families) -> None:
    await four_maps_and_three_deep(stage)
    async with stage.playing():
        await stage.until_quiet(f"{ALL_HELD} and counter = 1 and seq >= 4", 21)
        assert await stage.sweep(3) == 0
        seqs = await stage.database.fetch("select id, seq from runs order by id")
        assert await stage.sweep(2) == 0
        assert await stage.database.fetch("select id, seq from runs order by id") == seqs
        stage.gate.set()
        await stage.heal()
    assert await stage.outputs() == EXPECTED


async def test_cancel_of_a_restored_parent_reaches_its_restored_children(stage: Families) -> None:
    async with stage.playing():
        await stage.begin("0-x", await nested(stage))
        await stage.until_quiet(f"{ALL_HELD} and counter = 1 and seq >= 4", 1)
        await stage.reconciler.tick()
        stage.bus.flush()
        await stage.reconciler.tick()
        text = msgspec.json.encode(Command("0-x", 1, "cancel"))
        await stage.bus.send(0, [[("k", b"command"), ("s", text)]])
        await stage.until(CANCELLING, 4)
        stage.gate.set()
        await stage.heal()
    rows = await stage.database.fetch("select status from runs")
    assert {row["status"] for row in rows} == {8}
    await assert_whole(stage.database)
