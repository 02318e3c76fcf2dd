"""The example of docs/agents.md through a whole suite: an agent changes its run and chooses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from minuet.model.yaml import parse_yaml
from minuet.services.dev_llm.ledger import read_ledger
from minuet.services.dev_llm.serving import claim_port
from tests.conftest import SuiteFactory
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]
EXAMPLE = Path(__file__).parents[2] / "examples" / "lead_agent"


PATCHES = 8
QUICK_LEASES = {"MINUET_WORKER_LEASE_MS": "1500", "MINUET_WORKER_HEARTBEAT_MS": "250"}


@contextmanager
def model_server(ledger: Path, script: Path = EXAMPLE / "script.yaml") -> Iterator[str]:
    port = claim_port("127.0.0.1", 0)
    child = subprocess.Popen(
        [sys.executable, "-m", "minuet.cli.main", "dev-llm", str(script),
         "--port", str(port), "--ledger", str(ledger)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        assert "stand-in" in child.stdout.readline().decode()
        yield child.stdout.readline().decode().strip().removeprefix("MINUET_LLM_BASE_URL=")
    finally:
        child.terminate()
        child.communicate(timeout=10)


def run(api: httpx.Client, inputs: dict[str, Any]) -> dict[str, Any]:
    document = parse_yaml((EXAMPLE / "workflow.yaml").read_text())
    started = api.post("/api/v1/runs", json={"document": document, "inputs": inputs})
    assert started.status_code == 202, started.text
    id = started.json()["id"]

    def ended() -> dict[str, Any] | None:
        view: dict[str, Any] = api.get(f"/api/v1/runs/{id}").json()
        return view if view["ended_at"] else None

    return until(ended, "the run ends", timeout_s=40)


def test_the_example_patches_its_run_and_chooses_a_port(
    suite: SuiteFactory, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with model_server(ledger) as base_url:
        made = suite(env={"MINUET_LLM_BASE_URL": base_url, "MINUET_LLM_MODEL": "dev-leads"})
        headers = {"Authorization": f"Bearer {made.api_key}"}
        with httpx.Client(base_url=made.url, headers=headers, trust_env=False, timeout=30) as api:
            hot = run(api, {"company": "Northwind", "employees": 900})
            cold = run(api, {"company": "Acme", "employees": 2})
            (patch,) = api.get(f"/api/v1/runs/{hot['id']}/patches").json()["items"]
    nodes = {node["id"]: node for node in hot["nodes"]}
    assert hot["status"] == "succeeded", hot
    assert hot["outputs"] == {"score": 92}
    assert nodes["score"]["port"] == "hot"
    assert nodes["note"]["output"] == "New lead, Northwind"
    assert nodes["park"]["status"] == "skipped"
    assert (patch["status"], patch["by_agent"], patch["patch"]) == (
        "applied", True, f"{hot['id']}/score/{nodes['score']['gen']}/1",
    )  # fmt: skip
    assert {node["id"]: node["status"] for node in cold["nodes"]}["greet"] == "skipped"
    assert [(e.conversation, e.turn) for e in read_ledger(ledger)] == [
        ("a hot lead", 1), ("a hot lead", 2), ("any other lead", 1),
    ]  # fmt: skip


def many_patches() -> dict[str, Any]:
    """One turn that asks for several changes, one after another."""

    def call(n: int) -> dict[str, Any]:
        node = {"id": f"n{n}", "type": "transform", "config": {"value": n}}
        operations = [
            {"op": "add", "path": "/nodes/-", "value": node},
            {"op": "add", "path": "/edges/-", "value": {"from": "own", "to": f"n{n}"}},
        ]
        arguments = {"note": f"change {n}", "operations": operations}
        return {"name": "patch_workflow", "arguments": arguments}

    turns = [{"tool_calls": [call(n) for n in range(1, PATCHES + 1)]}, {"say": "done"}]
    return {"conversations": [{"name": "many patches", "match": "Grow", "turns": turns}]}


def test_a_runner_killed_between_its_patches_applies_each_once(
    suite: SuiteFactory, tmp_path: Path
) -> None:
    ledger, script = tmp_path / "ledger.jsonl", tmp_path / "script.yaml"
    script.write_text(json.dumps(many_patches()))
    own = {"id": "own", "type": "agent", "config": {"prompt": "Grow", "tools": ["patch_workflow"]}}
    document = {"apiVersion": "minuet/v1", "name": "grown", "nodes": [own], "edges": []}
    with model_server(ledger, script) as base_url:
        made = suite(
            env={"MINUET_LLM_BASE_URL": base_url, "MINUET_LLM_MODEL": "dev-test", **QUICK_LEASES}
        )
        headers = {"Authorization": f"Bearer {made.api_key}"}
        api = httpx.Client(
            base_url=f"{made.url}/api/v1", headers=headers, trust_env=False, timeout=30
        )
        with api:
            id = api.post("/runs", json={"document": document}).json()["id"]

            def listed() -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = api.get(f"/runs/{id}/patches").json()["items"]
                return found

            until(listed, "the first change is asked for", timeout_s=30)
            killed = made.kill("agent_runner")
            assert len(listed()) < PATCHES, "the kill came too late"
            made.until_restarted("agent_runner", killed)
            ended = until(
                lambda: found if (found := api.get(f"/runs/{id}").json())["ended_at"] else None,
                "the run ends",
                timeout_s=60,
            )
            patches = listed()
    assert ended["status"] == "succeeded", ended
    assert [(each["status"], each["patch"]) for each in patches] == [
        ("applied", f"{id}/own/1/{n}") for n in range(1, PATCHES + 1)
    ]
    assert {node["id"]: node["status"] for node in ended["nodes"]} == dict.fromkeys(
        ["own", *(f"n{n}" for n in range(1, PATCHES + 1))], "succeeded"
    )
    assert [entry.turn for entry in read_ledger(ledger)] == [1, 2], "no turn is asked for twice"


def test_without_a_model_a_suite_is_ready_and_its_agents_say_what_is_missing(
    suite: SuiteFactory,
) -> None:
    made = suite()
    headers = {"Authorization": f"Bearer {made.api_key}"}
    with httpx.Client(base_url=made.url, headers=headers, trust_env=False, timeout=30) as api:
        ended = run(api, {"company": "Acme", "employees": 2})
    assert ended["status"] == "failed"
    assert "MINUET_LLM_BASE_URL" in str(ended["error"])
