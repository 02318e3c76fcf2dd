"""What an agent may bring into its own run, and what it may not do to approvals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from minuet.ir.builtin import builtin_node_types
from minuet.ir.checks_children import KnownWorkflow, Reference
from minuet.ir.compile import compile_document
from minuet.ir.materialise import apply_patch
from minuet.model.ir import Ir, IrChild
from minuet.model.node_type import NodeType
from minuet.model.status import NodeStatus
from minuet.policy.patches import (
    Change,
    Refusal,
    agent_count_faults,
    agent_of,
    agent_patch_faults,
    refusal,
)

Json = dict[str, Any]
TYPES: Mapping[str, NodeType] = {**builtin_node_types(), "crm.add": NodeType("crm.add")}
OWN = {
    "prompt": "p", "types": ["http", "agent", "map", "workflow"], "workflows": ["granted"],
    "hosts": ["api.example.com", "*.example.org:8443"],
    "secrets": ["crm_key"], "tools": ["search_tools"],
    "base_url": "https://models.example/v1", "api_key": "${secrets.model_key}",
}  # fmt: skip


WORKFLOWS = {
    Reference(name): KnownWorkflow(IrChild("sha256:i", "sha256:d", name, 1, latest=True), 0)
    for name in ("granted", "other")
}


def compiled(document: Json) -> Ir:
    return compile_document(document, TYPES, WORKFLOWS).require()


def document(nodes: Sequence[Json], edges: Sequence[Sequence[Any]] = (), **more: Any) -> Json:
    """Edges as (from, to) or (from, to, {on, when, ...}). The agent is there beside them."""
    own = {"id": "own", "type": "agent", "config": OWN}
    listed = [{"from": e[0], "to": e[1], **(e[2] if len(e) > 2 else {})} for e in edges]
    return {
        "apiVersion": "minuet/v1", "name": "w", "nodes": [own, *nodes], "edges": listed, **more,
    }  # fmt: skip


def step(id: str, **more: Any) -> Json:
    return {"id": id, "type": "transform", "config": {"value": 1}, **more}


def gate(id: str = "gate") -> Json:
    return {"id": id, "type": "hitl", "config": {"message": "Go on?"}}


def http(url: str, **config: Any) -> Json:
    return {"id": "new", "type": "http", "config": {"url": url, **config}}


def agent(**config: Any) -> Json:
    return {"id": "new", "type": "agent", "config": {"prompt": "q", **config}}


def fan(*nodes: Json, id: str = "new", **run: Any) -> Json:
    """A map with these nodes in its body, or over what `run` names."""
    body = {"nodes": list(nodes), **run} if nodes else run
    return {"id": id, "type": "map", "config": {"items": "3", "run": body}}


def call(name: str, id: str = "new") -> Json:
    return {"id": id, "type": "workflow", "config": {"name": name}}


def add(*nodes: Json, edges: Sequence[Sequence[Any]] = ()) -> list[Json]:
    listed = [{"from": e[0], "to": e[1], **(e[2] if len(e) > 2 else {})} for e in edges]
    return [
        *({"op": "add", "path": "/nodes/-", "value": node} for node in nodes),
        *({"op": "add", "path": "/edges/-", "value": edge} for edge in listed),
    ]


def faults(base: Json, operations: list[Json]) -> list[str]:
    return agent_patch_faults(compiled(base), compiled(apply_patch(base, operations)), "own")


@pytest.mark.parametrize(
    "node",
    [
        http("https://api.example.com/x"),
        http("https://API.example.com./${nodes.own.output}", method="POST"),
        http("https://a.example.org:8443/"),
        http("https://api.example.com/", headers={"Authorization": "Bearer ${secrets.CRM_KEY}"}),
        step("new"),
        gate("new"),
        agent(),
        agent(base_url=OWN["base_url"], api_key=OWN["api_key"], hosts=["x.example.org:8443"]),
        fan(http("https://api.example.com/${inputs.item}", body="${secrets.crm_key}")),
        fan(fan(step("a"), gate("b")), id="new"),
        fan(workflow="granted"),
        call("granted"),
        agent(workflows=["granted"]),
        agent(types=["http", "transform"], secrets=["crm_key"], tools=["search_tools"]),
    ],
    ids=lambda node: str(node["config"])[:60],
)
def test_an_agent_may_bring_what_its_node_has(node: Json) -> None:
    assert faults(document([]), add(node, edges=[("own", "new")])) == []


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (http("https://evil.test/"), "calls evil.test:443"),
        (http("https://api.example.com.evil.test/"), "`hosts` lack"),
        (http("https://api.example.com@evil.test/"), "must name its host"),
        (http("https://${inputs.host}/"), "must name its host"),
        (http("${nodes.own.output}"), "must name its host"),
        (http("https://api.example.com${nodes.own.output}"), "must name its host"),
        (http("https://api.example.com:${nodes.own.output}/"), "must name its host"),
        (http("https://b\u00fccher.example/"), "must name its host"),
        (http("https://a.example.org/"), "calls a.example.org:443"),
        (http("https://api.example.com/", headers={"hOsT": "evil.test"}), "header Host"),
        (http("https://api.example.com/", headers="${nodes.own.output}"), "headers as they are"),
        (http("https://api.example.com/", body="${secrets.other}"), "secret 'other'"),
        (http("https://api.example.com/", body="${secrets.model_key}"), "secret 'model_key'"),
        ({"id": "new", "type": "crm.add"}, "type 'crm.add'"),
        (fan({"id": "mid", "type": "crm.add"}), "node 'mid' in node 'new' has the type 'crm.add'"),
        (fan(fan({"id": "deep", "type": "crm.add"}, id="mid")), "node 'deep' in node 'mid'"),
        (fan(http("https://evil.test/")), "calls evil.test:443"),
        (fan(fan(http("https://evil.test/"), id="mid")), "calls evil.test:443"),
        (fan(http("https://${inputs.item}/")), "must name its host"),
        (fan(http("https://api.example.com/", body="${secrets.other}")), "secret 'other'"),
        (fan(http("https://api.example.com/", headers={"x": "${secrets['other']}"})), "'other'"),
        (fan(agent()), "there would be one for each item"),
        (fan(fan(agent(), id="mid")), "there would be one for each item"),
        (fan(workflow="other"), "runs the workflow 'other'"),
        (fan(fan(workflow="other", id="mid")), "runs the workflow 'other'"),
        (fan(call("other")), "runs the workflow 'other'"),
        (call("other"), "runs the workflow 'other'"),
        (agent(workflows=["granted", "other"]), "other in its `workflows`"),
        (agent(workflows=["${inputs.name}"]), "as they are"),
        ({"id": "new", "type": "nobody.knows"}, "unknown type"),
        (agent(hosts=["evil.test"]), "evil.test in its `hosts`"),
        (agent(hosts=["${nodes.own.output}"]), "as they are"),
        (agent(types=["crm.add"]), "crm.add in its `types`"),
        (agent(tools=["patch_workflow"]), "patch_workflow in its `tools`"),
        (agent(secrets=["model_key"]), "model_key in its `secrets`"),
        (agent(base_url="https://evil.test/v1"), "model server and key"),
        (agent(api_key=OWN["api_key"]), "model server and key"),
        (agent(base_url="https://evil.test/v1", api_key=OWN["api_key"]), "model server and key"),
        (agent(system="${secrets.model_key}"), "secret 'model_key'"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_agent_may_bring_no_more(node: Json, told: str) -> None:
    found = faults(document([]), add(node, edges=[("own", "new")]))
    assert any(told in fault for fault in found), found


def test_a_changed_node_is_judged_as_a_new_one() -> None:
    call = {"id": "call", "type": "http", "config": {
        "url": "https://crm.test/", "headers": {"Authorization": "${secrets.crm}"}}}  # fmt: skip
    base = document([call], [("own", "call")])
    path = "/nodes/by-id/call/config/url"
    found = faults(base, [{"op": "replace", "path": path, "value": "https://api.example.com/"}])
    assert found == ["node 'call' reads the secret 'crm', which the agent's `secrets` lack"]
    assert faults(base, [{"op": "add", "path": "/nodes/by-id/call/title", "value": "t"}]) == []


def test_only_an_agent_of_the_run_may_ask() -> None:
    base = document([step("a")])
    ir = compiled(base)
    assert agent_patch_faults(ir, ir, "a") == ["there is no agent 'a' in this run"]
    assert agent_patch_faults(ir, ir, "nobody") == ["there is no agent 'nobody' in this run"]


@pytest.mark.parametrize(
    ("patch", "node"),
    [
        ("0-r/own/1/2", "own"),
        ("0-x/own/1/2", None),
        ("0-r/own/1", None),
        ("0-r/own/1/2/3", None),
        ("0-r/own/x/2", None),
        ("patch-1234", None),
    ],
)
def test_an_agents_patch_names_its_node(patch: str, node: str | None) -> None:
    assert agent_of(patch, "0-r") == node


def test_an_agent_cannot_raise_the_number_of_agents() -> None:
    base = document([], settings={"max_agents": 1})
    operations = [
        *add(agent(), edges=[("own", "new")]),
        {"op": "replace", "path": "/settings/max_agents", "value": 5},
    ]
    changed = apply_patch(base, operations)
    old, new = compiled(base), compiled(changed)
    told = refusal(Change(old, new, base, changed, "own"), {})
    assert told == Refusal("policy", agent_count_faults(new, 1))
    assert refusal(Change(old, new, base, changed), {}) is None


def test_a_sixth_agent_is_refused_whoever_asks() -> None:
    more = [{"id": f"a{i}", "type": "agent", "config": {"prompt": "x"}} for i in range(5)]
    base = document([])
    changed = apply_patch(base, add(*more))
    told = refusal(Change(compiled(base), compiled(changed), base, changed), {})
    assert told is not None
    assert told.faults == ["the run would have 6 agents; at most 5 are allowed"]


def test_an_agent_in_the_body_of_a_map_counts_once() -> None:
    base = document([fan(agent(), step("x"), id="fan")])
    assert agent_count_faults(compiled(base), 2) == []
    assert agent_count_faults(compiled(base), 1) == [
        "the run would have 2 agents; at most 1 are allowed"
    ]


def test_without_the_type_even_a_granted_workflow_is_refused() -> None:
    base = document([])
    base["nodes"][0]["config"] = {"prompt": "p", "workflows": ["granted"]}
    for node in (call("granted"), fan(workflow="granted"), fan(step("a"))):
        assert any("`types` lack" in fault for fault in faults(base, add(node)))


def test_what_happened_is_a_conflict() -> None:
    base = document([step("a")], [("own", "a")])
    changed = apply_patch(base, [{"op": "replace", "path": "/nodes/1/config/value", "value": 2}])
    change = Change(compiled(base), compiled(changed), base, changed, "own")
    told = refusal(change, {"own": NodeStatus.READY, "a": NodeStatus.SUCCEEDED})
    assert told == Refusal("conflict", ["node 'a' is succeeded and may not be changed"])


# ── approvals ─────────────────────────────────────────────────────────────────────────────────

SIMPLE = document(
    [step("a"), gate(), step("ship"), step("tell"), step("done")],
    [("own", "a"), ("a", "gate"), ("gate", "ship"), ("gate", "tell", {"on": "rejected"}),
     ("ship", "done"), ("tell", "done")],
)  # fmt: skip
CONDITIONAL = document(
    [step("a"), {"id": "sort", "type": "branch", "config": {
        "cases": [{"when": "nodes.a.output > 9", "port": "big"}], "default": "small"}},
     gate(), step("ship")],
    [("own", "a"), ("a", "sort"), ("sort", "gate", {"on": "big"}),
     ("sort", "ship", {"on": "small"}), ("gate", "ship")],
)  # fmt: skip
BOTH = document(
    [step("a"), gate("one"), gate("two"), step("ship", join=2), gate("third"), step("other")],
    [("own", "a"), ("a", "one"), ("a", "two"), ("one", "ship"), ("two", "ship"), ("a", "third"),
     ("third", "other")],
)  # fmt: skip
EITHER = document(
    [step("a"), gate("one"), gate("two"), step("ship"), gate("third"), step("other")],
    [("own", "a"), ("a", "one"), ("a", "two"), ("one", "ship"), ("two", "ship"), ("a", "third"),
     ("third", "other")],
)  # fmt: skip
MERGED = document(
    [step("a"), step("log"), gate(), step("ship"), step("done")],
    [("own", "a"), ("a", "log"), ("a", "gate"), ("gate", "ship"), ("ship", "done"),
     ("log", "done")],
)  # fmt: skip

INSIDE = document(
    [fan(step("s"), gate("ask"), id="fan"), call("other", "call"), step("ship"), step("send")],
    [("own", "fan"), ("fan", "ship"), ("own", "call"), ("call", "send")],
)  # fmt: skip
TWICE = document(
    [step("a"), gate(), step("ship"), step("done"), step("free")],
    [("own", "a"), ("a", "gate"), ("gate", "ship"), ("ship", "done"), ("own", "free")],
)  # fmt: skip


def loop(source: str, target: str, **more: Any) -> list[Json]:
    edge = {"loop": {"while": "iteration < 2", "max_iterations": 3}, **more}
    return add(edges=[(source, target, edge)])


def replaced(path: str, value: Any) -> list[Json]:
    return [{"op": "replace", "path": path, "value": value}]


def removed(*indices: int) -> list[Json]:
    return [{"op": "remove", "path": f"/edges/{i}"} for i in sorted(indices, reverse=True)]


WEAKENED: dict[str, tuple[Json, list[Json], str]] = {
    "another message": (SIMPLE, replaced("/nodes/by-id/gate/config/message", "x"), "changed"),
    "another type": (
        CONDITIONAL, replaced("/nodes/by-id/gate", step("gate")), "may not be changed",
    ),
    "another timeout": (
        SIMPLE, [{"op": "add", "path": "/nodes/by-id/gate/config/timeout", "value": "1s"}],
        "may not be changed",
    ),
    "removed": (
        SIMPLE,
        [*removed(1, 2, 3), {"op": "remove", "path": "/nodes/by-id/gate"},
         *add(edges=[("a", "ship"), ("a", "tell")])],
        "the approval 'gate' may not be removed",
    ),
    "an edge past it": (SIMPLE, add(edges=[("a", "ship")]), "lead around"),
    "a node past it": (SIMPLE, add(step("n"), edges=[("a", "n"), ("n", "ship")]), "lead around"),
    "an edge from the rejection": (
        SIMPLE, add(edges=[("gate", "ship", {"on": "rejected"})]), "lead around",
    ),
    "another port": (
        SIMPLE, [*removed(2), *add(edges=[("gate", "ship", {"on": "rejected"})])], "lead around",
    ),
    "no edge at all": (SIMPLE, removed(2), "no longer wait"),
    "an approval of its own": (
        SIMPLE, add(gate("mine"), edges=[("own", "mine"), ("mine", "ship")]), "lead around",
    ),
    "an edge beside the condition": (CONDITIONAL, add(edges=[("a", "ship")]), "lead around"),
    "other cases": (
        CONDITIONAL, replaced("/nodes/by-id/sort/config/cases/0/when", "false"), "'sort' decides",
    ),
    "other data for the cases": (
        CONDITIONAL, replaced("/nodes/by-id/a/config/value", 0), "'a' decides",
    ),
    "a cut condition": (CONDITIONAL, removed(2), "decides whether"),
    "one of two is enough": (
        BOTH, [{"op": "remove", "path": "/nodes/by-id/ship/join"}], "join may not change",
    ),
    "the same counts twice": (
        BOTH, add(step("n"), edges=[("one", "n"), ("n", "ship")]), "count among",
    ),
    "another body with an approval in it": (
        INSIDE, replaced("/nodes/by-id/fan/config/run/nodes", [step("s")]), "may not be changed",
    ),
    "past the approval in a body": (INSIDE, add(edges=[("own", "ship")]), "lead around"),
    "past a stored workflow": (INSIDE, add(edges=[("own", "send")]), "lead around"),
    "from the failure of a body": (
        INSIDE, add(edges=[("fan", "ship", {"on": "error"})]), "lead around",
    ),
    "no stored workflow": (
        INSIDE, [{"op": "remove", "path": "/edges/3"}, {"op": "remove", "path": "/edges/2"},
                 {"op": "remove", "path": "/nodes/by-id/call"}], "may not be removed",
    ),
    "a loop behind it": (TWICE, loop("done", "ship"), "without asking"),
    "a loop of one node behind it": (TWICE, loop("ship", "ship"), "without asking"),
    "a loop through a node of its own": (
        TWICE, [*add(step("n"), edges=[("ship", "n")]), *loop("n", "ship")], "without asking",
    ),
    "past both": (EITHER, add(edges=[("a", "ship")]), "lead around"),
    "an approval of something else": (EITHER, add(edges=[("third", "ship")]), "lead around"),
}  # fmt: skip

KEPT: dict[str, tuple[Json, list[Json]]] = {
    "a step before it": (SIMPLE, [*removed(1), *add(step("n"), edges=[("a", "n"), ("n", "gate")])]),
    "a changed step before it": (SIMPLE, replaced("/nodes/by-id/a/config/value", 2)),
    "a step behind it": (
        SIMPLE, [*removed(2), *add(step("n"), edges=[("gate", "n"), ("n", "ship")])],
    ),
    "a step on the rejection": (
        SIMPLE, [*removed(5), *add(step("n"), edges=[("tell", "n"), ("n", "done")])],
    ),
    "a second question": (
        SIMPLE, [*removed(2), *add(gate("mine"), edges=[("gate", "mine"), ("mine", "ship")])],
    ),
    "a side branch": (SIMPLE, add(step("n"), edges=[("own", "n")])),
    "beside a merge that runs anyway": (
        MERGED, add(step("n"), edges=[("own", "n"), ("n", "done")]),
    ),
    "a loop that asks again": (TWICE, loop("done", "a")),
    "a loop that asks at once": (TWICE, loop("ship", "gate")),
    "a loop before it": (TWICE, [*removed(1), *add(step("n"), edges=[("a", "n"), ("n", "gate")]),
                                 *loop("n", "a")]),
    "a loop of what nobody protects": (TWICE, loop("free", "free")),
    "a step behind a body with an approval": (
        INSIDE, [*removed(1), *add(step("n"), edges=[("fan", "n"), ("n", "ship")])],
    ),
    "a change of what runs anyway": (MERGED, replaced("/nodes/by-id/log/config/value", 2)),
    "one more way by one of two": (
        EITHER, add(step("n"), edges=[("one", "n"), ("n", "ship")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WEAKENED)
def test_an_agent_cannot_weaken_an_approval(case: str) -> None:
    base, operations, told = WEAKENED[case]
    found = faults(base, operations)
    assert any(told in fault for fault in found), found


@pytest.mark.parametrize("case", KEPT)
def test_an_agent_may_work_around_what_is_kept(case: str) -> None:
    base, operations = KEPT[case]
    assert faults(base, operations) == []
