"""What pages of docs/ tell people to type works word for word; only ids are put in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minuet.client import Client
from minuet.model.yaml import parse_yaml
from tests.suite import Suite
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

DOCS = Path(__file__).parents[2] / "docs"
# As much of the examples' workflow as their inputs need.
LEAD_ROUTING = {
    "apiVersion": "minuet/v1",
    "name": "lead-routing",
    "inputs": {"type": "object", "properties": {"employees": {"type": "integer"}}},
    "nodes": [{"id": "shape", "type": "transform", "config": {"value": "${inputs}"}}],
    "outputs": {"given": "${nodes.shape.output}"},
}
SHIPPING = {
    "apiVersion": "minuet/v1",
    "name": "shipping",
    "nodes": [
        {"id": "pack", "type": "wait", "config": {"for": "1h"}},
        {"id": "ship", "type": "transform", "config": {"value": 1}},
    ],
    "edges": [{"from": "pack", "to": "ship"}],
}
ASKED = {"customer": "anna", "amount": 240}


def blocks(page: str, language: str, heading: str = "") -> list[str]:
    """The fenced blocks of one language on a page, or below one of its headings."""
    text = (DOCS / page).read_text()
    if heading:
        (text,) = [part for part in re.split(r"^#+ ", text, flags=re.M) if part.startswith(heading)]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with Suite(tmp_path_factory.mktemp("pages") / ".minuet") as running:
        yield running


@pytest.fixture(scope="module")
def client(suite: Suite) -> Iterator[Client]:
    with Client(suite.url, suite.api_key) as client:
        client.workflows.apply(LEAD_ROUTING)
        yield client


def typed(suite: Suite, folder: Path, text: str, **variables: str) -> str:
    """What a shell prints that is told the suite and nothing else of ours."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MINUET_")}
    env |= {"MINUET_URL": suite.url, "MINUET_API_KEY": suite.api_key, **variables}
    env["PATH"] = f"{sys.prefix}/bin:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=env, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def approval_of(client: Client, run: str) -> str:
    until(lambda: any(client.approvals.list(run=run)), "somebody is asked")
    (asked,) = client.approvals.list(run=run)
    return asked.id


def test_inputs_are_given_in_every_way_of_the_page(
    suite: Suite, client: Client, tmp_path: Path
) -> None:
    (block,) = blocks("cli.md", "", "Inputs")
    (tmp_path / "inputs.json").write_text('{"company": "acme"}')
    typed(suite, tmp_path, block)
    runs = [client.runs.show(line.id) for line in client.runs.list(workflow="lead-routing")]
    given = [run.inputs for run in runs][::-1]
    assert given == [
        {"company": "northwind"}, {"employees": 120}, {"company": "acme"}, {"company": "northwind"},
    ]  # fmt: skip


def test_the_client_starts_a_run_and_waits_for_it(
    suite: Suite, client: Client, tmp_path: Path
) -> None:
    (program,) = blocks("cli.md", "python")
    (tmp_path / "program.py").write_text(program)
    printed = typed(suite, tmp_path, "python program.py")
    assert printed == "succeeded {'given': {'company': 'northwind'}}\n"


def test_a_run_is_patched_with_curl(suite: Suite, client: Client, tmp_path: Path) -> None:
    run = client.runs.start(document=SHIPPING).id
    until(lambda: client.runs.show(run).status == "waiting", "the run waits")
    (block,) = blocks("patches.md", "sh")
    answer: dict[str, Any] = json.loads(typed(suite, tmp_path, block, RUN=run))
    assert (answer["status"], answer["note"]) == ("applied", "tell the owner too")
    assert "tell" in [node.id for node in client.runs.show(run).nodes]
    client.runs.cancel(run)


def test_approvals_are_listed_and_decided(suite: Suite, client: Client, tmp_path: Path) -> None:
    (source,) = blocks("approvals.md", "yaml")
    document = parse_yaml(source)
    (block,) = blocks("approvals.md", "", "Deciding")
    listed, *answers = block.splitlines()
    ended = []
    for answer in answers:
        run = client.runs.start(document=document, inputs=ASKED).id
        approval = approval_of(client, run)
        assert "Send a refund of 240 EUR to anna?" in typed(suite, tmp_path, listed)
        assert "apr-3f0c" in answer
        typed(suite, tmp_path, answer.replace("apr-3f0c", approval))
        done = client.runs.wait(run, timeout_s=30)
        ended.append([node.output for node in done.nodes if node.status == "succeeded"][1:])
    assert ended == [
        [{"to": "anna", "amount": 240}], [{"to": "anna", "amount": 120}], ["no receipt"],
    ]  # fmt: skip
