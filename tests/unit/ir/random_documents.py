"""Random valid documents of every construct, for property tests of the engine."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from minuet.ir.loops import LoopFault, find_loops
from minuet.model.node_type import NodeType

NODE_TYPES = {
    "task": NodeType("task", effect="pure"),
    "once": NodeType("once", effect="once"),
    "judge": NodeType("judge", ports=["good", "bad"]),
    "hitl": NodeType("hitl", effect="once", ports=["approved", "rejected"]),
}


KINDS = ["task"] * 3 + [
    "once", "judge", "hitl", "hitl", "transform", "branch", "wait", "join", "ghost", "message",
    "map", "workflow",
]  # fmt: skip
CALM = ["task"] * 4 + ["once", "transform", "message", "join", "wait", "map", "workflow"]
WHILE = ["true", "true", "iteration < 1", "iteration < 2", "inputs.x > 3", "output != null"]
GUARDS = ["inputs.x > 1", "inputs.x < 100", "iteration < 1", "iteration > 0", "inputs.y"]


class DocumentMaker:
    """Draws one document; `constructs` tells what it contains, one word an occurrence."""

    def __init__(self, random: Random, max_nodes: int = 12) -> None:
        self._random = random
        self._count = random.randint(1, max_nodes)
        # Few conditions, so that much runs, and loops go round.
        self._calm = random.random() < 0.3
        self.constructs: list[str] = []

    def document(self) -> dict[str, Any]:
        nodes = [self._node(i) for i in range(self._count)]
        edges = [edge for i in range(1, self._count) for edge in self._edges_into(nodes, i)]
        self._set_joins(nodes, edges)
        self._add_loops(nodes, edges)
        document: dict[str, Any] = {
            "apiVersion": "minuet/v1", "name": "random", "nodes": nodes, "edges": edges,
        }  # fmt: skip
        self._add_compensations(document)
        if self._chance(0.3):
            document.setdefault("settings", {})["max_parallel"] = self._random.randint(1, 3)
            self._note("max_parallel")
        if self._chance(0.2):
            document.setdefault("settings", {})["deadline"] = "30s"
            self._note("deadline")
        if self._chance(0.4):
            document["outputs"] = {"a": f"${{nodes.n{self._count - 1}.output}}", "b": "x"}
            self._note("outputs")
        return document

    def _add_loops(self, nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> None:
        """Back edges between random nodes, as many as fit: most pairs close no sound loop."""
        if not self._chance(0.7):
            return
        for _ in range(self._random.choice([2, 6, 20])):
            header, source = sorted(self._random.choices(range(self._count), k=2))
            back = {"from": nodes[source]["id"], "to": nodes[header]["id"]}
            if nodes[source]["type"] in ("branch", "hitl") or self._chance(0.1):
                drawn = self._edge(nodes[source], nodes[header])
                back |= {"on": drawn["on"]} if "on" in drawn else {}
            back["loop"] = {
                "while": self._random.choice(WHILE), "max_iterations": self._random.randint(1, 3),
            }  # fmt: skip
            depth = loop_depth(nodes, [*edges, back])
            if depth == 0:
                continue
            edges.append(back)
            self._note("loop")
            if depth > 1:
                self._note("nested_loop")
            if source + 1 < self._count and self._chance(0.6):
                edge = {"from": back["from"], "to": nodes[-1]["id"], "on": "exhausted"}
                if loop_depth(nodes, [*edges, edge]):
                    edges.append(edge)
                    self._note("exhausted")

    def _add_compensations(self, document: dict[str, Any]) -> None:
        if not self._chance(0.4):
            return
        nodes, edges = document["nodes"], document["edges"]
        for node in self._random.sample(nodes, k=min(len(nodes), 3)):
            undo = {"id": f"u{node['id']}", "type": "task", "config": {}}
            if self._chance(0.3):
                undo = {**undo, "type": "transform", "config": {"value": 1}}
            if not in_loop(nodes, edges, node):
                node["compensate"] = undo["id"]
                nodes.append(undo)
                self._note("compensate")
        kinds = ["failed", "cancelled", "timed_out"]
        chosen = self._random.sample(kinds, k=self._random.choice([1, 2, 3, 3]))
        document.setdefault("settings", {})["compensate_on"] = chosen

    def changed(self, document: dict[str, Any]) -> dict[str, Any]:
        """A copy with a few random changes, of which some may not be allowed in a run."""
        nodes, edges = copy.deepcopy(document["nodes"]), copy.deepcopy(document["edges"])
        for _ in range(self._random.randint(1, 3)):
            match self._random.randrange(5):
                case 0 | 1:
                    self._add_node(nodes, edges)
                case 2 if len(nodes) > 1:
                    gone = nodes.pop(self._random.randrange(len(nodes)))["id"]
                    edges = [edge for edge in edges if gone not in (edge["from"], edge["to"])]
                case 3 if edges:
                    edges.pop(self._random.randrange(len(edges)))
                case _:
                    nodes[self._random.randrange(len(nodes))]["timeout"] = "7s"
        for node in nodes:
            incoming = sum(edge["to"] == node["id"] and "loop" not in edge for edge in edges)
            if isinstance(node.get("join"), int) and node["join"] > incoming:
                del node["join"]
        return {**document, "nodes": nodes, "edges": edges}

    def _add_node(self, nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> None:
        self._count += 1
        node = self._node(self._count + 100)
        source = self._random.choice(nodes)
        edges.append(self._edge(source, node))
        if self._chance(0.4):
            edges.append(self._edge(node, self._random.choice(nodes)))
        nodes.append(node)

    def _node(self, i: int) -> dict[str, Any]:
        kind = self._random.choice(CALM if self._calm else KINDS)
        self._note(kind)
        type = "wait" if kind == "message" else kind
        node: dict[str, Any] = {"id": f"n{i}", "type": type, "config": self._config(kind)}
        if not self._calm and self._chance(0.12):
            node["when"] = self._random.choice(GUARDS)
            self._note("guard")
        if kind in ("task", "once", "judge", "workflow"):
            self._harden(node)
        return node

    def _config(self, kind: str) -> dict[str, Any]:
        match kind:
            case "transform":
                return {"value": self._random.choice(["${inputs.x}", "${inputs.x + 1}", 7])}
            case "branch":
                return {"cases": [{"when": "inputs.x > 3", "port": "big"}], "default": "small"}
            case "hitl":
                return {"message": "?", "on_timeout": self._random.choice(["reject", "fail"])}
            case "message":
                config = {"message": self._random.choice(["go", "stop"])}
                return config | ({"timeout": "40s"} if self._chance(0.6) else {})
            case "map":
                body = {"nodes": [{"id": "step", "type": "task"}]}
                policy = self._random.choice(["fail", "collect", {"tolerate": 1}])
                return {
                    "items": self._random.choice(["0", "1", "3", "5", "inputs.x", "inputs.y"]),
                    "run": body, "on_item_error": policy,
                    "max_parallel": self._random.choice([1, 2, 100]),
                }  # fmt: skip
            case "workflow":
                return {"name": "child", "inputs": {"a": "${inputs.x}"}}
            case "wait":
                return {"for": self._random.choice(["1s", "20s", "0s"])}
        return {}

    def _harden(self, node: dict[str, Any]) -> None:
        if self._chance(0.4):
            node["retry"] = {"max_attempts": self._random.randint(2, 4), "initial": "1s"}
            self._note("retry")
        if self._chance(0.2):
            node["on_error"] = "continue"
            self._note("on_error")
        if self._chance(0.2):
            node["timeout"] = "5s"
            self._note("timeout")

    def _edges_into(self, nodes: list[dict[str, Any]], i: int) -> list[dict[str, Any]]:
        sources = self._random.sample(range(i), k=min(i, self._random.choice([0, 1, 1, 1, 2, 3])))
        edges = [self._edge(nodes[source], nodes[i]) for source in sorted(sources)]
        if edges and self._chance(0.1):
            twin = {"from": edges[0]["from"], "to": edges[0]["to"], "on": "error"}
            if edges[0].get("on") != "error":
                edges.append(twin)
                self._note("parallel_edge")
        return edges

    def _edge(self, source: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
        edge: dict[str, Any] = {"from": source["id"], "to": target["id"]}
        if source["type"] == "branch":
            edge["on"] = self._random.choice(["big", "small"])
        elif source["type"] == "hitl":
            edge["on"] = self._random.choice(["approved", "rejected", "timeout"])
        elif source["type"] == "judge" and self._chance(0.6):
            edge["on"] = self._random.choice(["good", "bad"])
        elif source["type"] in (
            "task",
            "once",
            "judge",
            "transform",
            "map",
            "workflow",
        ) and self._chance(0.05 if self._calm else 0.25):
            edge["on"] = self._random.choice(["error", "timeout"])
            if source["type"] == "transform":
                edge["on"] = "error"
            self._note(f"on_{edge['on']}")
        if self._calm:
            return edge
        if self._chance(0.3):
            edge["when"] = self._random.choice(
                [
                    "inputs.x > 3",
                    "inputs.x < 100",
                    "output == null",
                    "output.score > 2",
                    "iteration < 1",
                ]
            )
            self._note("when")
        elif self._chance(0.15):
            edge["otherwise"] = True
            self._note("otherwise")
        return edge

    def _set_joins(self, nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> None:
        for node in nodes:
            incoming = sum(edge["to"] == node["id"] for edge in edges)
            if incoming and self._chance(0.4):
                node["join"] = self._random.choice(["any", self._random.randint(1, incoming)])
                self._note("join_any" if node["join"] == "any" else "join_n")
            elif incoming > 1:
                self._note("join_all")

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _note(self, construct: str) -> None:
        self.constructs.append(construct)


def loop_depth(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> int:
    """How deep loops are nested; 0 if there are none or one is unsound."""
    place = {node["id"]: i for i, node in enumerate(nodes)}
    pairs = [(place[edge["from"]], place[edge["to"]]) for edge in edges]
    try:
        found = find_loops(len(nodes), pairs, ["loop" in edge for edge in edges])
    except LoopFault:
        return 0
    depths = [1] * len(found.loops)
    for number in range(len(found.loops)):
        around = found.loops[number].parent
        while around >= 0:
            depths[number] += 1
            around = found.loops[around].parent
    return max(depths, default=0)


def in_loop(nodes: list[dict[str, Any]], edges: list[dict[str, Any]], node: dict[str, Any]) -> bool:
    place = {each["id"]: i for i, each in enumerate(nodes)}
    pairs = [(place[edge["from"]], place[edge["to"]]) for edge in edges]
    found = find_loops(len(nodes), pairs, ["loop" in edge for edge in edges])
    return found.innermost[place[node["id"]]] >= 0
