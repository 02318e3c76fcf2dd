"""`minuet demo` as a person starts it, and what the API says of its run afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.services.dev_llm.ledger import read_ledger
from tests.suite import Suite
from tests.support.waiting import is_running, until

from .rig import Json, Rig

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
RUN = re.compile(r"/runs/(\S+)$", re.MULTILINE)
APPROVAL = re.compile(r"minuet approve (\S+)$", re.MULTILINE)


class Demo:
    """`minuet demo` in a process of its own, with what it printed so far."""

    def __init__(self, suite: Suite, folder: Path, *options: str) -> None:
        self.ledger = folder / "ledger.jsonl"
        self._output = folder / "demo.out"
        command = [sys.executable, "-m", "minuet.cli.main", "demo", "--ledger", str(self.ledger)]
        env = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}
        with self._output.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, *options], env=env | {"MINUET_DATA_DIR": str(suite.data_dir)},
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def run(self) -> str:
        found = RUN.search(self.output)
        assert found is not None, self.output
        return found[1]

    def asks(self) -> str | None:
        """The approval whose command it printed."""
        assert self.process.poll() is None, self.output
        found = APPROVAL.search(self.output)
        return found[1] if found else None


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with Suite(tmp_path_factory.mktemp("demo suite") / ".minuet") as made:
        yield made


@pytest.fixture
def rig(suite: Suite, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(suite, tmp_path / "notes")
    yield made
    made.close()


def test_an_agent_extends_its_run_and_a_yes_lets_it_go_on(rig: Rig, tmp_path: Path) -> None:
    demo = Demo(rig.suite, tmp_path, "--yes")
    assert demo.process.wait(60) == 0, demo.output
    run = rig.get(f"/runs/{demo.run}")
    assert run["status"] == "succeeded"
    assert run["outputs"] == {
        "lead": {
            "company": "Northwind Traders",
            "score": 92,
            "reason": "1,200 employees, two requests for prices this month",
        },
        "call": {"call": "call-1", "with": "purchasing@northwind.example", "on": "Thursday"},
    }
    assert {node["id"]: node["status"] for node in run["nodes"]} == dict.fromkeys(
        ["enrich", "score", "record", "draft_offer", "approve_offer", "book_call"], "succeeded"
    )
    (patch,) = rig.get(f"/runs/{demo.run}/patches")["items"]
    assert (patch["status"], patch["by_agent"]) == ("applied", True)
    assert patch["changes"]["nodes_added"] == ["draft_offer", "approve_offer", "book_call"]
    (approval,) = approvals(rig, demo.run)
    assert (approval["status"], approval["node"]) == ("approved", "approve_offer")
    assert asked(demo) == {1: 1, 2: 1, 3: 1}
    assert "scripted stand-in" in demo.output
    assert "nodes added     draft_offer, approve_offer, book_call" in demo.output


def test_a_person_decides_by_the_command_that_is_printed(rig: Rig, tmp_path: Path) -> None:
    demo = Demo(rig.suite, tmp_path)
    approval = until(demo.asks, "the demo asks", 60)
    assert f"{rig.suite.url}/inbox/{approval}" in demo.output
    answer = rig.http.post(
        f"/approvals/{approval}/decision", json={"decision": "reject", "comment": "not now"}
    )
    assert answer.status_code == 200, answer.text
    assert demo.process.wait(30) == 0, demo.output
    run = rig.get(f"/runs/{demo.run}")
    assert run["status"] == "succeeded"
    assert run["outputs"]["call"] is None
    nodes = {node["id"]: node["status"] for node in run["nodes"]}
    assert nodes["book_call"] == "skipped"


def test_ctrl_c_cancels_the_run_and_stops_what_was_started(rig: Rig, tmp_path: Path) -> None:
    demo = Demo(rig.suite, tmp_path)
    until(demo.asks, "the demo asks", 60)
    children = children_of(demo.process.pid)
    assert len(children) == 2
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(20) != 0
    assert [pid for pid in children if is_running(pid)] == []
    assert "Traceback" not in demo.output
    assert rig.wait(demo.run)["status"] == "cancelled"
    assert [each["status"] for each in approvals(rig, demo.run)] == ["cancelled"]


def test_without_a_suite_it_says_what_to_do(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}
    done = subprocess.run(
        [sys.executable, "-m", "minuet.cli.main", "demo"], cwd=tmp_path, env=env,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "start one with `minuet up`" in done.stderr


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def approvals(rig: Rig, run: str) -> list[Json]:
    return list(rig.items("/approvals", run=run))


def asked(demo: Demo) -> Counter[int]:
    """How often the stand-in was asked for each turn."""
    return Counter(entry.turn for entry in read_ledger(demo.ledger))
