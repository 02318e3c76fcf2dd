"""The command line against a whole suite: words, JSON and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.suite import Suite
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

GREETING = """\
apiVersion: minuet/v1
name: {name}
inputs: {{type: object, required: [who, times], properties: {{times: {{type: integer}}}}}}
nodes:
  - {{id: greet, type: transform, config: {{value: "Hello, ${{inputs.who}}!"}}}}
outputs: {{text: "${{nodes.greet.output}}"}}
"""
AWAITING = """\
apiVersion: minuet/v1
name: awaiting
nodes:
  - {id: paid, type: wait, config: {message: paid}}
  - {id: said, type: transform, config: {value: "${nodes.paid.output.data.amount}"}}
edges:
  - {from: paid, to: said}
outputs: {amount: "${nodes.said.output}"}
"""
SLEEPING = """\
apiVersion: minuet/v1
name: sleeping
nodes:
  - {id: sleep, type: wait, config: {for: 1h}}
"""
FAULTY = """\
apiVersion: minuet/v1
name: faulty
nodes:
  - {id: a, type: transform, config: {value: 1}}
edges:
  - {from: a, to: nowhere}
"""
REFUSING = """\
apiVersion: minuet/v1
name: refusing
nodes:
  - {id: call, type: http, config: {url: "http://127.0.0.1:1/"}}
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with Suite(tmp_path_factory.mktemp("command line") / ".minuet") as running:
        yield running


Minuet = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def minuet(suite: Suite, tmp_path: Path) -> Minuet:
    """Runs the command in a folder below the suite's, so that it finds the suite by itself."""
    folder = suite.data_dir.parent / tmp_path.name
    folder.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}

    def call(
        *arguments: str, code: int = 0, stdin: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "minuet.cli.main", *arguments], cwd=folder, env=env | more,
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return call


def loads(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_a_workflow_is_applied_shown_listed_and_applied_again(minuet: Minuet) -> None:
    document = GREETING.format(name="shown")
    first = loads(minuet("workflow", "apply", "-", "--json", stdin=document))
    assert [(each["version"], each["created"]) for each in first] == [(1, True)]
    shown = minuet("workflow", "show", "shown@1").stdout
    again = loads(minuet("workflow", "apply", "-", "--json", stdin=shown))
    assert [(each["version"], each["created"]) for each in again] == [(1, False)]
    assert "shown" in [each["name"] for each in loads(minuet("workflow", "list", "--json"))]
    minuet("workflow", "show", "shown@2", code=3)


def test_faults_are_shown_where_they_stand(minuet: Minuet) -> None:
    done = minuet("workflow", "validate", "-", code=2, stdin=FAULTY)
    assert "<stdin>:6:19: error:" in done.stderr
    assert "    6 |   - {from: a, to: nowhere}" in done.stderr
    (verdict,) = json.loads(
        minuet("workflow", "validate", "-", "--json", code=2, stdin=FAULTY).stdout
    )
    assert verdict["valid"] is False
    assert [each["path"] for each in verdict["diagnostics"]] == ["/edges/0/to"]
    assert "<stdin>:6:19" in minuet("workflow", "apply", "-", code=2, stdin=FAULTY).stderr
    assert "<stdin>:6:19" in minuet("run", "start", "-", code=2, stdin=FAULTY).stderr


def test_a_run_is_started_waited_for_and_shown(minuet: Minuet) -> None:
    minuet("workflow", "apply", "-", stdin=GREETING.format(name="waited"))
    inputs = '{"who": "Ada", "times": 1}'
    run = loads(minuet("run", "start", "waited", "--inputs", "-", "--wait", "--json", stdin=inputs))
    assert (run["status"], run["outputs"]) == ("succeeded", {"text": "Hello, Ada!"})
    shown = loads(minuet("run", "show", run["id"], "--json"))
    assert shown["outputs"] == run["outputs"]
    assert "✓ succeeded" in minuet("run", "show", run["id"]).stdout
    listed = loads(minuet("run", "list", "--workflow", "waited", "--status", "succeeded", "--json"))
    assert [each["id"] for each in listed] == [run["id"]]
    events = minuet("run", "events", run["id"], "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in events] == list(range(1, len(events) + 1))
    assert "run.ended" in minuet("run", "events", run["id"], "--after", "1").stdout


def test_following_tells_everything_and_ends_with_the_run(minuet: Minuet) -> None:
    source = GREETING.format(name="followed")
    arguments = ["run", "start", "-", "--follow", "-i", "who=Ada", "-i", "times:=1"]
    plain = minuet(*arguments, stdin=source).stdout
    assert "greet ✓ succeeded" in plain
    assert plain.endswith('{\n  "text": "Hello, Ada!"\n}\n')
    news = [
        json.loads(line) for line in minuet(*arguments, "--json", stdin=source).stdout.splitlines()
    ]
    assert [each["event"]["type"] for each in news if "event" in each][-1] == "run.ended"
    assert news[-1]["run"]["status"] == "succeeded"


def test_a_run_that_fails_says_where_and_exits_with_1(minuet: Minuet) -> None:
    done = minuet("run", "start", "-", "--wait", code=1, stdin=REFUSING)
    assert "✗ failed refusing" in done.stdout
    assert "at call" in done.stdout


def test_the_same_key_gives_the_same_run(minuet: Minuet) -> None:
    arguments = ["run", "start", "-", "--idempotency-key", "k1", "--json"]
    first = loads(minuet(*arguments, stdin=SLEEPING))
    assert loads(minuet(*arguments, stdin=SLEEPING))["id"] == first["id"]
    minuet(*arguments, code=6, stdin=REFUSING)
    minuet("run", "cancel", first["id"])


def test_a_run_is_paused_told_resumed_and_replayed(minuet: Minuet) -> None:
    run_id = loads(minuet("run", "start", "-", "--json", stdin=AWAITING))["id"]
    assert loads(minuet("run", "pause", run_id, "--json"))["status"] == "paused"
    assert "paused already" in minuet("run", "pause", run_id, code=6).stderr
    minuet("run", "message", run_id, "paid", "--data", "amount:=12")
    assert loads(minuet("run", "resume", run_id, "--json"))["state"] == "recorded"
    minuet("run", "follow", run_id)
    assert loads(minuet("run", "show", run_id, "--json"))["outputs"] == {"amount": 12}

    shown = minuet("run", "retry", run_id, "--from", "said", "--dry-run").stdout
    assert "1 reused: paid" in shown
    assert "asked" in shown
    again = loads(minuet("run", "retry", run_id, "--from", "said", "--json"))["id"]
    minuet("run", "follow", again)
    assert loads(minuet("run", "show", again, "--json"))["outputs"] == {"amount": 12}
    minuet("run", "retry", again, code=6)


def test_dead_letters_are_listed_retried_and_discarded(minuet: Minuet) -> None:
    run_id = loads(minuet("run", "start", "-", "--json", stdin=REFUSING))["id"]
    minuet("run", "follow", run_id, code=1)

    def listed() -> list[Any]:
        return list(loads(minuet("dead-letters", "list", "--workflow", "refusing", "--json")))

    letter = until(lambda: [each for each in listed() if each["run"] == run_id], "a letter")[0]
    assert run_id in minuet("dead-letters", "show", str(letter["id"])).stdout
    told = loads(minuet("dead-letters", "retry", str(letter["id"]), "--json"))
    minuet("run", "follow", told["items"][0]["run"], code=1)
    until(lambda: listed(), "the retry failed, too")
    assert (
        "discarded" in minuet("dead-letters", "discard", "--all", "--workflow", "refusing").stdout
    )
    assert listed() == []
    minuet("dead-letters", "discard", str(letter["id"]), code=6)
    minuet("dead-letters", "retry", code=2)


def test_a_cancel_is_recorded_and_a_late_one_is_a_conflict(minuet: Minuet) -> None:
    run_id = loads(minuet("run", "start", "-", "--json", stdin=SLEEPING))["id"]
    still = minuet("run", "follow", run_id, "--timeout", "0", code=7)
    assert f"minuet run follow {run_id}" in still.stderr
    command = loads(minuet("run", "cancel", run_id, "--reason", "test", "--json"))
    assert (command["state"], command["status"]) == ("recorded", "cancelled")
    assert "has ended: cancelled" in minuet("run", "cancel", run_id, code=6).stderr
    minuet("run", "follow", run_id, code=1)


def test_a_run_is_deleted_once_it_has_ended(minuet: Minuet) -> None:
    run_id = loads(minuet("run", "start", "-", "--json", stdin=SLEEPING))["id"]
    assert f"/runs/{run_id}/cancel" in minuet("run", "delete", run_id, "--yes", code=6).stderr
    minuet("run", "cancel", run_id)
    assert "--yes" in minuet("run", "delete", run_id, code=2).stderr
    assert run_id in minuet("run", "delete", run_id, "--yes").stdout
    assert "was deleted" in minuet("run", "show", run_id, code=3).stderr
    minuet("run", "delete", run_id, "--yes", code=3)


def test_a_key_is_made_used_listed_and_revoked(suite: Suite, minuet: Minuet) -> None:
    secret = minuet("keys", "create", "anna", "--kind", "person", "-g", "finance").stdout.strip()
    as_anna = {"MINUET_URL": suite.url, "MINUET_API_KEY": secret}
    minuet("run", "list", **as_anna)
    assert "administrators" in minuet("keys", "list", code=5, **as_anna).stderr
    minuet("keys", "create", "anna", code=6)
    listed = {each["id"]: each for each in loads(minuet("keys", "list", "--json"))}
    assert (listed["anna"]["kind"], listed["anna"]["groups"]) == ("person", ["finance"])
    assert "anna" in minuet("keys", "list").stdout
    assert loads(minuet("keys", "revoke", "anna", "--json"))["revoked_at"]
    minuet("run", "list", code=5, **as_anna)
    minuet("keys", "revoke", "bootstrap", code=6)
    minuet("keys", "revoke", "nobody", code=3)


def test_inputs_that_miss_the_schema_are_named(minuet: Minuet) -> None:
    done = minuet("run", "start", "-", "-i", "who=a", "-i", "times=two", code=2,
                  stdin=GREETING.format(name="inputs"))  # fmt: skip
    assert "/times" in done.stderr
    assert "key:=12" in done.stderr


def test_the_shell_completes_names(minuet: Minuet) -> None:
    minuet("workflow", "apply", "-", stdin=GREETING.format(name="completed"))
    run_id = loads(minuet("run", "start", "-", "--json", stdin=SLEEPING))["id"]
    minuet("run", "cancel", run_id)

    def offered(line: str, **env: str) -> list[str]:
        more = {"_MINUET_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "3"}
        return minuet(**more, **env).stdout.split()

    assert offered("minuet run start compl") == ["completed"]
    assert run_id in offered(f"minuet run show {run_id[:4]}")
    assert offered("minuet run show ", MINUET_URL="http://127.0.0.1:1") == []


@pytest.mark.parametrize(
    ("arguments", "env", "code", "word"),
    [
        (["run", "show", "0-nothing"], {}, 3, "not_found"),
        (["run", "start", "nothing"], {}, 3, "not_found"),
        (["run", "list"], {"MINUET_API_KEY": "mnt_wrong"}, 5, "unauthorized"),
        (["run", "list"], {"MINUET_URL": "http://127.0.0.1:1"}, 4, "unreachable"),
        (["run", "list", "--status", "sleeping"], {}, 2, "invalid_input"),
        (["run", "start", "missing.yaml"], {}, 2, "failure"),
    ],
)
def test_failures_have_a_line_and_a_code(
    minuet: Minuet, arguments: list[str], env: dict[str, str], code: int, word: str
) -> None:
    assert minuet(*arguments, code=code, **env).stderr.startswith("minuet: ")
    done = minuet(*arguments, "--json", code=code, **env)
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["exit_code"], done.stdout) == (word, code, "")


def test_a_reader_that_has_seen_enough_is_no_error(suite: Suite, minuet: Minuet) -> None:
    run_id = loads(minuet("run", "start", "-", "--json", stdin=SLEEPING))["id"]
    minuet("run", "cancel", run_id)
    script = (
        f"'{sys.executable}' -m minuet.cli.main run events {run_id} | true; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=suite.data_dir.parent, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "0\n"
    assert done.stderr == ""
