"""The example of docs/agents.md through a whole suite: an agent changes its run and chooses."""

from __future__ import annotations

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


@contextmanager
def model_server(ledger: Path) -> Iterator[str]:
    port = claim_port("127.0.0.1", 0)
    child = subprocess.Popen(
        [sys.executable, "-m", "minuet.cli.main", "dev-llm", str(EXAMPLE / "script.yaml"),
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


def test_without_a_model_a_suite_is_ready_and_its_agents_say_what_is_missing(
    suite: SuiteFactory,
) -> None:
    made = suite()
    headers = {"Authorization": f"Bearer {made.api_key}"}
    with httpx.Client(base_url=made.url, headers=headers, trust_env=False, timeout=30) as api:
        ended = run(api, {"company": "Acme", "employees": 2})
    assert ended["status"] == "failed"
    assert "MINUET_LLM_BASE_URL" in str(ended["error"])
