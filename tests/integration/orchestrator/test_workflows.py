from __future__ import annotations

from typing import Any

import httpx

YAML = b"""
apiVersion: minuet/v1
name: choose
nodes:
  - {id: one, type: transform, config: {value: yes}}
  - {id: two, type: transform, config: {value: 1}}
edges:
  - {from: one, to: two, on: success}
"""


async def test_the_same_document_again_is_the_same_version(
    api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    first = await api.post("/workflows", json={"document": document})
    again = await api.post("/workflows", json={"document": document})

    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.json() == again.json()
    assert first.json()["version"] == 1
    assert first.json()["digest"].startswith("sha256:")


async def test_a_changed_document_is_the_next_version_and_an_old_one_can_come_back(
    api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    await api.post("/workflows", json={"document": document})
    changed = {**document, "title": "Greeting"}
    second = await api.post("/workflows", json={"document": changed})
    back = await api.post("/workflows", json={"document": document})

    assert second.json()["version"] == 2
    assert (back.status_code, back.json()["version"]) == (200, 1)
    latest = await api.get("/workflows/greet")
    assert latest.json()["version"] == 1
    assert latest.json()["document"] == document
    versions = await api.get("/workflows/greet/versions", params={"limit": 1})
    assert [line["version"] for line in versions.json()["items"]] == [2]
    cursor = versions.json()["next_cursor"]
    rest = await api.get("/workflows/greet/versions", params={"cursor": cursor})
    assert [line["version"] for line in rest.json()["items"]] == [1]
    assert (await api.get("/workflows/greet/versions/2")).json()["document"] == changed


async def test_the_drawing_changes_without_a_new_version(
    api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    first = await api.post("/workflows", json={"document": document})
    drawn = await api.post("/workflows", json={"document": {**document, "ui": {"zoom": 2}}})

    assert drawn.status_code == 200
    assert drawn.json()["digest"] == first.json()["digest"]
    assert drawn.headers["etag"] != first.headers["etag"]
    assert (await api.get("/workflows/greet")).json()["document"]["ui"] == {"zoom": 2}


async def test_who_moved_a_step_last_is_guarded_by_the_etag(
    api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    """Places are no behaviour, but nobody's are overwritten unseen."""
    await api.post("/workflows", json={"document": document})
    run = (await api.post("/runs", json={"workflow": "greet", "inputs": {"domain": "x"}})).json()
    seen = {"If-Match": (await api.get("/workflows/greet")).headers["etag"]}
    ana, ben = ({"document": moved(document, x)} for x in (40, 80))

    first = await api.put("/workflows/greet", json=ana, headers=seen)
    late = await api.put("/workflows/greet", json=ben, headers=seen)

    assert (first.status_code, first.json()["version"], late.status_code) == (200, 1, 412)
    shown = (await api.get("/workflows/greet")).json()
    assert (shown["version"], shown["document"]) == (1, ana["document"])
    assert (await api.get(f"/runs/{run['id']}/document")).json() == document


def moved(document: dict[str, Any], x: int) -> dict[str, Any]:
    first, *others = document["nodes"]
    return {**document, "nodes": [{**first, "ui": {"x": x, "y": 0}}, *others]}


async def test_replacing_wants_the_etag_of_the_latest_version(
    api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    await api.post("/workflows", json={"document": document})
    etag = (await api.get("/workflows/greet")).headers["etag"]
    changed = {"document": {**document, "title": "Mine"}}

    missing = await api.put("/workflows/greet", json=changed)
    stale = await api.put("/workflows/greet", json=changed, headers={"If-Match": '"sha256:0"'})
    right = await api.put("/workflows/greet", json=changed, headers={"If-Match": etag})
    late = await api.put("/workflows/greet", json=changed, headers={"If-Match": etag})

    assert (missing.status_code, missing.json()["type"]) == (428, "/problems/precondition-required")
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/precondition-failed")
    assert stale.headers["etag"] == etag
    assert (right.status_code, right.json()["version"]) == (200, 2)
    assert late.status_code == 412


async def test_replacing_keeps_the_name(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    await api.post("/workflows", json={"document": document})
    other = {"document": {**document, "name": "other"}}
    answer = await api.put("/workflows/greet", json=other, headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/document/name"
    absent = await api.put("/workflows/other", json=other, headers={"If-Match": "*"})
    assert absent.status_code == 404


async def test_a_deleted_workflow_is_hidden_until_it_is_applied_again(
    api: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    await api.post("/workflows", json={"document": document})
    assert (await api.delete("/workflows/greet")).status_code == 204
    assert (await api.delete("/workflows/greet")).status_code == 404
    assert (await api.get("/workflows/greet")).status_code == 404
    assert (await api.get("/workflows")).json() == {"items": [], "next_cursor": None}

    again = await api.post("/workflows", json={"document": document})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert (await api.get("/workflows/greet")).status_code == 200


async def test_lists_have_pages(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    for name in ("a", "b", "c"):
        await api.post("/workflows", json={"document": {**document, "name": name}})
    first = (await api.get("/workflows", params={"limit": 2})).json()
    rest = (await api.get("/workflows", params={"cursor": first["next_cursor"]})).json()
    assert [line["name"] for line in first["items"]] == ["c", "b"]
    assert [line["name"] for line in rest["items"]] == ["a"]
    assert rest["next_cursor"] is None


async def test_yaml_is_taken_and_on_is_no_boolean(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/workflows", content=YAML, headers={"Content-Type": "application/yaml"}
    )
    assert answer.status_code == 201, answer.text
    shown = (await api.get("/workflows/choose")).json()["document"]
    assert shown["edges"] == [{"from": "one", "to": "two", "on": "success"}]
    assert shown["nodes"][0]["config"] == {"value": "yes"}


async def test_validation_stores_nothing(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    good = await api.post("/workflows/validate", json={"document": document})
    document["edges"][0]["to"] = "nowhere"
    bad = await api.post("/workflows/validate", json={"document": document})

    assert (good.status_code, good.json()["valid"]) == (200, True)
    assert (bad.status_code, bad.json()["valid"]) == (200, False)
    assert bad.json()["diagnostics"][0]["path"].startswith("/edges/0")
    assert (await api.get("/workflows")).json()["items"] == []
