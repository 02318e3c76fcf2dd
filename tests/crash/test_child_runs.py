"""Kill processes, or empty Redis, while maps and workflows in workflows are in flight."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import asyncpg
import msgspec
import pytest
import redis

from minuet.model.status import RunStatus
from tests.support.waiting import until

from .crew import Crew
from .history import History
from .ledger import Execution, keys_by_execution, read_ledger
from .test_kill import crew

__all__ = ["crew"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

MAPS, ITEMS, DEEP = 5, 400, 10
Json = dict[str, Any]


def document(name: str, node: Json) -> Json:
    outputs = f"${{nodes.{node['id']}.output}}"
    return {"apiVersion": "minuet/v1", "name": name, "nodes": [node], "outputs": outputs}


def note(**more: Any) -> Json:
    return {"id": "note", "type": "crash.note", "config": {"sleep_ms": 10}, **more}


WIDE = document(
    "wide",
    {
        "id": "fan",
        "type": "map",
        "config": {
            "items": str(ITEMS),
            "max_parallel": 50,
            "run": {"nodes": [note()], "outputs": "${inputs.item}"},
        },
    },
)
WIDE["outputs"] = "${nodes.fan.output.results}"
# Three runs deep; the innermost takes a while, step after step.
LINE = [note(id=f"n{i}", config={"sleep_ms": 100}) for i in range(5)]
DEEPEST: Json = {
    "apiVersion": "minuet/v1", "name": "deep0", "nodes": LINE, "outputs": "${7}",
    "edges": [{"from": f"n{i}", "to": f"n{i + 1}"} for i in range(4)],
}  # fmt: skip
DOCUMENTS = [
    WIDE,
    DEEPEST,
    *(
        document(f"deep{i}", {"id": "call", "type": "workflow", "config": {"name": f"deep{i - 1}"}})
        for i in (1, 2, 3)
    ),
]


class Families:
    """Runs with descendants, as Postgres tells of them."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.history = History(crew.suite.database_url)
        for document in DOCUMENTS:
            answer = crew.client.post("/workflows", json={"document": document})
            assert answer.status_code == 201, answer.text
        self.wide = [self._start("wide") for _ in range(MAPS)]
        self.deep = [self._start("deep3") for _ in range(DEEP)]

    def _start(self, name: str) -> str:
        answer = self.crew.client.post("/runs", json={"workflow": name, "inputs": {}})
        assert answer.status_code == 202, answer.text
        run: str = answer.json()["id"]
        return run

    def rows(self, where: str) -> list[asyncpg.Record]:
        return self.history._fetch(f"select id, status, parent_run from runs where {where}")

    def recorded(self) -> set[Execution]:
        """Steps whose end stands in Postgres."""
        rows = self.history._fetch(
            "select t.run_id, e->>'node' as node from transitions t, "
            "jsonb_array_elements(convert_from(t.events, 'utf8')::jsonb) e "
            "where e->>'type' = 'node.ended'"
        )
        return {Execution(row["run_id"], row["node"]) for row in rows}

    def until_in_the_middle(self) -> None:
        """Some children have ended, most have not."""
        until(lambda: len(self.rows("status >= 6 and parent_run is not null")) >= 100, "under way")
        self.assert_unfinished()

    def assert_unfinished(self) -> None:
        assert len(self.rows("status < 6 and parent_run is null")) >= MAPS

    def until_ended(self) -> None:
        def all_ended() -> bool:
            roots = "parent_run is null and status >= 6"
            return len(self.rows(roots)) == MAPS + DEEP and not self.rows("status < 6")

        until(all_ended, "all runs and all their children ended", 150)

    def check(self) -> None:
        """Results complete and in order; every history whole, each item recorded once."""
        for run in self.wide:
            assert self._outcome(run) == ("succeeded", list(range(ITEMS)))
            items = [e.data["item"] for e in self.history.events(run) if e.type == "node.item"]
            assert sorted(items) == list(range(ITEMS))
            assert len(self.rows(f"parent_run = '{run}'")) == ITEMS
        for run in self.deep:
            assert self._outcome(run) == ("succeeded", 7)
        self._check_histories()
        assert all(len(keys) == 1 for keys in keys_by_execution(self.crew.ledger).values())

    def _outcome(self, run: str) -> tuple[str, Any]:
        [row] = self.history._fetch("select status, outputs from runs where id = $1", run)
        return RunStatus(row["status"]).word, msgspec.json.decode(row["outputs"])

    def _check_histories(self) -> None:
        rows = self.history._fetch(
            "select run_id, first_seq, last_seq, "
            "lag(last_seq, 1, 0) over (partition by run_id order by first_seq) as before, "
            "(select count(*) from jsonb_array_elements(convert_from(events, 'utf8')::jsonb) e "
            "where e->>'type' = 'run.ended') as ends from transitions"
        )
        assert all(row["first_seq"] == row["before"] + 1 for row in rows)
        ends = Counter[str]()
        for row in rows:
            ends[row["run_id"]] += row["ends"]
        assert set(ends.values()) == {1}
        assert len(ends) == MAPS * (1 + ITEMS) + DEEP * 4
        executed = read_ledger(self.crew.ledger)
        steps = {each for each in self.recorded() if each.node.startswith("n")}
        assert len(steps) == MAPS * ITEMS + DEEP * len(LINE)
        assert steps == executed.keys()


@pytest.mark.parametrize("victim", ["coordinator", "recorder", "orchestrator", "valkey"])
def test_killed_process_loses_no_family(crew: Crew, victim: str) -> None:
    families = Families(crew)
    families.until_in_the_middle()
    old_pid = crew.suite.kill(victim)
    families.assert_unfinished()
    crew.suite.until_restarted(victim, old_pid)
    families.until_ended()
    families.check()


def test_families_survive_an_emptied_redis(crew: Crew) -> None:
    """What was recorded before is not executed again."""
    families = Families(crew)
    families.until_in_the_middle()
    recorded = families.recorded()
    before = read_ledger(crew.ledger)
    started = time.monotonic()
    with redis.Redis.from_url(crew.suite.redis_url) as client:
        client.flushall()
    families.until_ended()
    print(f"all ended {time.monotonic() - started:.1f} s after Redis was emptied")
    families.check()
    after = read_ledger(crew.ledger)
    again = [each for each in recorded & before.keys() if after[each] > before[each]]
    assert not again
