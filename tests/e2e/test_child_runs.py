"""Runs inside runs through a whole suite: maps, sub-workflows, and both directions of trouble."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.waiting import until

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

ITEMS = 10_000
BAD = 4_321


def map_of(items: str, body: Json, **config: Any) -> Json:
    return {"id": "fan", "type": "map", "config": {"items": items, "run": body, **config}}


def picky(bad: int) -> Json:
    """A body that fails for one item; the others give twice their number."""
    return {
        "nodes": [
            {"id": "check", "type": "branch",
             "config": {"cases": [{"when": f"inputs.item == {bad}", "port": "bad"}],
                        "default": "good"}},
            {"id": "twice", "type": "transform", "config": {"value": "${inputs.item * 2}"}},
            {"id": "fail", "type": "e2e.fail", "config": {"message": "no"}},
        ],
        "edges": [
            {"from": "check", "to": "fail", "on": "bad"},
            {"from": "check", "to": "twice", "on": "good"},
        ],
        "outputs": "${nodes.twice.output}",
    }  # fmt: skip


def whole_output(rig: Rig, run: str, node: Json) -> Json:
    """The output of a node, from the blob store if it is large."""
    if node.get("output_ref") is not None:
        found: Json = rig.get(f"/blobs/{node['output_ref']['$cas']}")
    else:
        found = rig.get(f"/runs/{run}/nodes/{node['id']}")["output"]
    return found


@pytest.mark.parametrize("policy", ["fail", "collect", {"tolerate": 1}])
def test_a_map_over_ten_thousand_items_with_one_that_fails(rig: Rig, policy: Any) -> None:
    fan = map_of(str(ITEMS), picky(BAD), max_parallel=500, on_item_error=policy)
    outputs = {"failed": "${nodes.fan.output.failed}", "errors": "${nodes.fan.output.errors}"}
    run = rig.run(document("wide-map", [fan], outputs=outputs), timeout_s=120)
    if policy == "fail":
        assert (run["status"], run["error"]["code"]) == ("failed", "item_failed")
        assert str(BAD) in run["error"]["message"]
    else:
        assert (run["status"], run["error"]) == ("succeeded", None)
        assert run["outputs"]["failed"] == 1
        assert [each["item"] for each in run["outputs"]["errors"]] == [BAD]
        node = rig.nodes(run["id"])["fan"]
        results = whole_output(rig, run["id"], node)["results"]
        assert results == [None if i == BAD else 2 * i for i in range(ITEMS)]
    until(
        lambda: not rig.get("/runs", parent=run["id"], status="running")["items"],
        "no child run goes on",
    )
    failed = rig.get("/runs", parent=run["id"], status="failed")["items"]
    assert len(failed) == 1
    child = rig.get(f"/runs/{failed[0]['id']}")
    assert child["parent"]["item"] == BAD
    assert child["inputs"] == {"item": BAD, "index": BAD}


def test_lists_of_runs_leave_child_runs_out(rig: Rig) -> None:
    body = {"nodes": [{"id": "a", "type": "transform", "config": {"value": 1}}]}
    run = rig.run(document("small-map", [map_of("3", body)]))
    listed = {each["id"] for each in rig.get("/runs", limit=100)["items"]}
    children = {each["id"] for each in rig.get("/runs", parent=run["id"])["items"]}
    assert run["id"] in listed
    assert len(children) == 3
    assert not listed & children


def nest(rig: Rig, depth: int, leaf: Json) -> str:
    """A workflow that runs another, and so on; `leaf` is the step of the last. Its name."""
    rig.apply(document("deep-0", [leaf]))
    for i in range(1, depth + 1):
        call = {"id": "call", "type": "workflow", "config": {"name": f"deep-{i - 1}"}}
        rig.apply(document(f"deep-{i}", [call]))
    return f"deep-{depth}"


def family(rig: Rig, run: str) -> list[Json]:
    """The run and its descendants, the eldest first."""
    found = [rig.get(f"/runs/{run}")]
    for child in rig.get("/runs", parent=run)["items"]:
        found += family(rig, child["id"])
    return found


def test_a_sub_workflow_three_deep_is_cancelled_in_the_middle(rig: Rig) -> None:
    name = nest(rig, 3, {"id": "work", "type": "e2e.patient", "config": {}})
    run = rig.start(name)
    until(lambda: len(family(rig, run)) == 4, "all four runs are there")
    deepest = family(rig, run)[-1]["id"]
    until(lambda: any(key[0] == "work" for key in rig.ledger_of(deepest)), "the step has begun")
    assert rig.http.post(f"/runs/{run}/cancel", json={"reason": "enough"}).is_success
    rig.wait(run)
    assert [each["status"] for each in family(rig, run)] == ["cancelled"] * 4
    until(lambda: rig.ledger_of(deepest)["work", "interrupted"] == 1, "the step was interrupted")


def test_a_failure_three_deep_comes_up(rig: Rig) -> None:
    name = nest(rig, 3, {"id": "work", "type": "e2e.fail", "config": {"message": "no"}})
    run = rig.wait(rig.start(name))
    assert (run["status"], run["error"]["code"]) == ("failed", "child_failed")
    assert [each["status"] for each in family(rig, run["id"])] == ["failed"] * 4


def test_a_start_finds_the_latest_version_of_what_it_runs(rig: Rig) -> None:
    def part(value: int) -> Json:
        step = {"id": "a", "type": "transform", "config": {"value": value}}
        return document("part", [step], outputs="${nodes.a.output}")

    rig.apply(part(1))
    call = {"id": "call", "type": "workflow", "config": {"name": "part"}}
    fixed = {"id": "fixed", "type": "workflow", "config": {"name": "part", "version": 1}}
    outputs = {"latest": "${nodes.call.output}", "fixed": "${nodes.fixed.output}"}
    rig.apply(document("whole", [call, fixed], outputs=outputs))
    rig.apply(part(2))
    run = rig.wait(rig.start("whole"))
    assert run["outputs"] == {"latest": 2, "fixed": 1}
