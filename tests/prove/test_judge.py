"""The judge's own proof: a load without faults passes, and each planted lie is found and named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import msgspec
import pytest
import redis

from minuet.bus.keys import Keys, partition_of

from .fleet import Fleet
from .judge import judge
from .load import LEDGER_NODES, OUTPUTS, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(180)]

Judged = tuple[Fleet, list[str]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, proof: Proof) -> Iterator[Judged]:
    """Runs that ended while nothing was broken."""
    with Fleet(tmp_path_factory.mktemp("judge") / "fleet") as fleet:
        fleet.start_all(proxied=True)
        with load(fleet) as work, proof.scenario("no fault") as scenario:
            runs = sorted(work.start(20))
            work.until_ended(runs)
            scenario.take(judge(fleet, runs, ledger_nodes=LEDGER_NODES, expected="succeeded"))
            scenario.violations += work.wrong_outputs(runs, OUTPUTS["prove-mixed"])
        yield fleet, runs


def violations(judged: Judged, **more: Any) -> list[str]:
    fleet, runs = judged
    return judge(
        fleet, runs, ledger_nodes=LEDGER_NODES, expected="succeeded", rest_s=0.5, **more
    ).violations


def in_postgres(fleet: Fleet, statement: str, *arguments: Any) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(fleet.database_url)
        try:
            await connection.execute("set session_replication_role = replica")  # no foreign keys
            assert await connection.execute(statement, *arguments) not in ("UPDATE 0", "DELETE 0")
        finally:
            await connection.close()

    asyncio.run(execute())


def forget_a_transition(fleet: Fleet, run: str) -> None:
    """One in the middle."""
    in_postgres(
        fleet,
        "delete from transitions where run_id = $1 and first_seq = "
        "(select first_seq from transitions where run_id = $1 order by 1 offset 2 limit 1)",
        run,
    )


def break_the_chain(fleet: Fleet, run: str) -> None:
    in_postgres(
        fleet, "update transitions set prev = 'x/1' where run_id = $1 and first_seq > 1", run
    )


def end_twice(fleet: Fleet, run: str) -> None:
    rewrite(fleet, run, lambda event: event["type"] == "run.ended")


def count_a_step_twice(fleet: Fleet, run: str) -> None:
    rewrite(fleet, run, lambda event: event.get("node") == "left" and event["type"] == "node.ended")


def rewrite(fleet: Fleet, run: str, is_meant: Callable[[dict[str, Any]], bool]) -> None:
    """Let one event stand twice in its transition."""

    async def write() -> None:
        connection = await asyncpg.connect(fleet.database_url)
        try:
            rows = await connection.fetch(
                "select first_seq, events from transitions where run_id = $1", run
            )
            for first, text in rows:
                events = msgspec.json.decode(text)
                meant = [event for event in events if is_meant(event)]
                await connection.execute(
                    "update transitions set events = $3 where run_id = $1 and first_seq = $2",
                    run, first, msgspec.json.encode(events + meant),
                )  # fmt: skip
        finally:
            await connection.close()

    asyncio.run(write())


def lose_a_run(fleet: Fleet, run: str) -> None:
    in_postgres(fleet, "update runs set id = id || 'x' where id = $1", run)


def leave_a_run_open(fleet: Fleet, run: str) -> None:
    in_postgres(
        fleet, "update runs set status = 1, counter = 1, ended_at = null where id = $1", run
    )


def fail_a_run(fleet: Fleet, run: str) -> None:
    in_postgres(fleet, "update runs set status = 7 where id = $1", run)


def use_another_key(fleet: Fleet, run: str) -> None:
    with fleet.ledger.open("a") as ledger:
        ledger.write(f"{run}/left/1 0123456789abcdef\n")


def execute_nothing(fleet: Fleet, run: str) -> None:
    lines = fleet.ledger.read_text().splitlines(keepends=True)
    fleet.ledger.write_text("".join(x for x in lines if not x.startswith(f"{run}/shaky")))


def leave_a_token(fleet: Fleet, run: str) -> None:
    with redis.Redis.from_url(fleet.redis_url) as client:
        client.xadd(Keys().tasks(partition_of(run), "no.such.type"), {"x/y/1/1": "{}"})
        client.sadd(Keys().types(partition_of(run)), "no.such.type")


LIES = [
    (forget_a_transition, " after "),
    (break_the_chain, "builds on x/1"),
    (end_twice, "ended 2 times"),
    (count_a_step_twice, "end of ['left', 1] 2 times"),
    (lose_a_run, "nothing knows it"),
    (leave_a_run_open, "and did not end"),
    (fail_a_run, "ended failed, not succeeded"),
    (use_another_key, "keys of no execution"),
    (execute_nothing, "never executed"),
    (leave_a_token, "1 pages of no.such.type"),
]


def test_each_lie_is_found(judged: Judged) -> None:
    """One run is spoilt by each; what is said of it names the lie, and of the others nothing."""
    fleet, runs = judged
    assert violations(judged) == []
    fleet.remove("orchestrator")  # its reconciler would mend some of what is broken here
    spoilt = dict(zip(runs, LIES, strict=False))
    for run, (lie, _) in spoilt.items():
        lie(fleet, run)
    found = violations(judged, asks_api=False)
    for run, (lie, words) in spoilt.items():
        about = [line for line in found if run in line or line.startswith("partition ")]
        assert any(words in line for line in about), (lie.__name__, about)
    innocent = [run for run in runs if run not in spoilt]
    assert not [line for line in found if any(run in line for run in innocent)]
