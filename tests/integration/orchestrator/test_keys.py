"""Keys over the API: made, listed, revoked, and by whom."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from minuet.services.orchestrator.core import Core
from minuet.store.api_keys import keep_key

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


async def make(api: httpx.AsyncClient, id: str, **body: Any) -> Json:
    answer = await api.post("/keys", json={"id": id, **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    made: Json = answer.json()
    return made


def bearer(made: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['secret']}"}


async def test_a_key_lets_its_principal_in_until_it_is_revoked(api: httpx.AsyncClient) -> None:
    made = await make(api, "anna", kind="person", groups=["finance"])
    info = (await api.get("/info", headers=bearer(made))).json()
    assert (info["principal"], info["tenant"], info["roles"]) == ("anna", "default", [])
    revoked = (await api.delete("/keys/anna")).json()
    assert (await api.get("/info", headers=bearer(made))).status_code == 401
    assert (await api.delete("/keys/anna")).json() == revoked
    assert revoked["revoked_at"] is not None


async def test_lists_tell_no_secret(api: httpx.AsyncClient) -> None:
    made = await make(api, "anna", kind="person", groups=["finance"], roles=["admin"])
    page = (await api.get("/keys?limit=1")).json()
    (line,) = page["items"]
    assert line == {name: value for name, value in made.items() if name != "secret"}
    rest = await api.get("/keys", params={"cursor": page["next_cursor"]})
    assert [each["id"] for each in rest.json()["items"]] == ["bootstrap"]


async def test_only_the_hash_is_stored(core: Core, api: httpx.AsyncClient) -> None:
    made = await make(api, "anna")
    assert made["secret"] not in str(await core.db.fetch("select * from api_keys"))


async def test_an_id_is_taken_until_its_key_is_revoked(api: httpx.AsyncClient) -> None:
    first = await make(api, "anna")
    assert (await api.post("/keys", json={"id": "anna"})).status_code == 409
    await api.delete("/keys/anna")
    second = await make(api, "anna", kind="person", groups=["ops"])
    assert second["groups"] == ["ops"]
    assert (await api.get("/info", headers=bearer(first))).status_code == 401
    assert (await api.get("/info", headers=bearer(second))).status_code == 200


async def test_the_id_of_another_tenants_key_is_never_free(
    core: Core, api: httpx.AsyncClient
) -> None:
    async with core.db.connection() as c:
        await keep_key(c, "eve", "secret-of-eve", tenant="other", name="eve", roles=[])
    await core.db.execute("update api_keys set revoked_at = now() where id = 'eve'")
    assert (await api.post("/keys", json={"id": "eve"})).status_code == 409
    assert (await api.delete("/keys/eve")).status_code == 404


async def test_keys_are_for_administrators(api: httpx.AsyncClient) -> None:
    made = await make(api, "anna")
    for method, path, body in (
        ("POST", "/keys", {"id": "bob", "roles": ["admin"]}),
        ("GET", "/keys", None),
        ("DELETE", "/keys/bootstrap", None),
    ):
        answer = await api.request(method, path, json=body, headers=bearer(made))
        assert answer.status_code == 403, (method, answer.text)
    admin = await make(api, "carla", roles=["admin"])
    assert (await api.get("/keys", headers=bearer(admin))).status_code == 200


async def test_nobody_locks_themselves_out(api: httpx.AsyncClient) -> None:
    answer = await api.delete("/keys/bootstrap")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")
    assert (await api.get("/info")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"id": ""},
        {"id": "a b"},
        {"id": "x" * 65},
        {"id": "a\u0000"},
        {"id": "a", "kind": "god"},
        {"id": "a", "roles": ["root"]},
        {"id": "a", "groups": ["\u00e4"]},
        {"id": "a", "secret": "mine"},
    ],
)
async def test_bodies_are_checked(api: httpx.AsyncClient, body: Json) -> None:
    answer = await api.post("/keys", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
