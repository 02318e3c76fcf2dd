"""The typed client against a whole suite: every method reads what the API really says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from minuet.cli.show import outputs_of
from minuet.client import Client
from minuet.client.errors import RunEnded
from minuet.client.views import Run
from minuet.model.errors import Conflict, InvalidDocument, NotFound, TooLarge
from tests.suite import Suite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        Suite(tmp_path_factory.mktemp("client") / ".minuet") as suite,
        Client(suite.url, suite.api_key) as client,
    ):
        yield client


def document(name: str, value: Any = "${inputs}", **more: Any) -> dict[str, Any]:
    node = {"id": "shape", "type": "transform", "config": {"value": value}}
    outputs = {"shaped": "${nodes.shape.output}"}
    return {"apiVersion": "minuet/v1", "name": name, "nodes": [node], "outputs": outputs} | more


def test_versions_of_a_workflow(client: Client) -> None:
    first = client.workflows.apply(document("versions", 1))
    second = client.workflows.apply(document("versions", 2))
    assert (first.version, second.version) == (1, 2)
    assert [each.version for each in client.workflows.versions("versions")] == [2, 1]
    shown = client.workflows.show("versions", 1)
    assert shown.document["nodes"][0]["config"] == {"value": 1}
    with pytest.raises(Conflict):
        client.workflows.replace("versions", document("versions", 3), if_match=shown.etag)
    latest = client.workflows.show("versions")
    third = client.workflows.replace("versions", document("versions", 3), if_match=latest.etag)
    assert third.version == 3
    client.workflows.delete("versions")
    assert "versions" not in [each.name for each in client.workflows.list()]
    with pytest.raises(NotFound):
        client.workflows.show("versions")


def test_documents_are_judged(client: Client) -> None:
    assert client.workflows.validate(document("judged")).valid
    faulty = document("judged", edges=[{"from": "shape", "to": "nowhere"}])
    assert [d.path for d in client.workflows.validate(faulty).diagnostics] == ["/edges/0/to"]
    with pytest.raises(InvalidDocument) as caught:
        client.workflows.apply(faulty)
    assert [d.path for d in caught.value.diagnostics] == ["/edges/0/to"]
    with pytest.raises(TooLarge):
        client.workflows.apply(document("judged", "x" * 11_000_000))


def test_a_run_from_start_to_end(client: Client) -> None:
    client.workflows.apply(document("ended"))
    accepted = client.runs.start("ended@1", {"a": [1, None, "ü"]}, labels={"team": "x"})
    run = client.runs.wait(accepted.id, 30)
    assert (run.status, run.outputs) == ("succeeded", {"shaped": {"a": [1, None, "ü"]}})
    assert (run.labels, run.version) == ({"team": "x"}, 1)
    assert [node.status for node in client.runs.nodes(run.id)] == ["succeeded"]
    assert list(client.runs.nodes(run.id, status=["failed"])) == []
    assert client.runs.node(run.id, "shape").output == {"a": [1, None, "ü"]}
    assert list(client.runs.logs(run.id, "shape")) == []
    assert client.runs.document(run.id)["name"] == "ended"
    assert client.runs.live(run.id).items == []
    assert client.runs.command(run.id, 0).name == "start"
    assert [event.id for event in client.runs.events(run.id, follow=True)] == list(
        range(1, run.seq + 1)
    )
    with pytest.raises(RunEnded) as caught:
        client.runs.cancel(run.id)
    assert caught.value.status == "succeeded"


def test_a_short_run_comes_back_with_its_start(client: Client) -> None:
    client.workflows.apply(document("short"))
    run = client.runs.start_and_wait("short", {"a": 1})
    assert isinstance(run, Run)
    assert run.outputs == {"shaped": {"a": 1}}


def test_lists_of_runs_go_on_over_pages(client: Client) -> None:
    client.workflows.apply(document("many"))
    started = [client.runs.start("many").id for _ in range(5)]
    first = client.runs.page(workflow="many", limit=2)
    rest = client.runs.page(first.next_cursor, workflow="many", limit=100)
    assert [line.id for line in [*first.items, *rest.items]] == started[::-1]
    assert [line.id for line in client.runs.list(workflow="many", limit=3)] == started[:1:-1]


def test_large_outputs_are_blobs(client: Client) -> None:
    text = "x" * 200_000
    accepted = client.runs.start(document=document("large", outputs=None), inputs={"text": text})
    assert client.runs.wait(accepted.id, 30).status == "succeeded"
    node = client.runs.node(accepted.id, "shape")
    assert node.output is None
    assert node.output_ref is not None
    assert client.blob(node.output_ref["$cas"]) == {"text": text}


def test_what_the_suite_says_of_itself(client: Client) -> None:
    info = client.info()
    assert (info.api, info.partitions) == ("v1", 8)
    assert {"http", "transform", "branch", "join", "wait"} <= {t.name for t in client.node_types()}
    assert client.node_type("http").workers >= 1
    assert any("http" in worker.types for worker in client.workers())
    assert list(client.dead_letters.list()) == []


def test_large_outputs_come_by_reference(client: Client) -> None:
    text = "x" * 100_000
    outputs = {"text": "${inputs.text}", "short": "${inputs.short}"}
    document_ = document("large-outputs", 1, outputs=outputs)
    inputs = {"text": text, "short": "y"}
    accepted = client.runs.start(document=document_, inputs=inputs)
    run = client.runs.wait(accepted.id, 30)
    assert (run.status, run.outputs) == ("succeeded", {"text": None, "short": "y"})
    assert run.outputs_ref is not None
    assert list(run.outputs_ref) == ["text"]
    assert client.resolve(run.outputs_ref["text"]) == text
    assert outputs_of(client, run) == {"text": text, "short": "y"}
