"""A shelf of random documents, compiled once: schedules draw from it by number."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

from minuet.ir.checks_children import KnownWorkflow, Reference
from minuet.ir.compile import Compiled, compile_document
from minuet.model.canonical import digest
from minuet.model.ir import IrChild
from tests.unit.ir.random_documents import NODE_TYPES, DocumentMaker

SHORTER = {"20s": "3s", "30s": "9s", "40s": "6s", "7s": "4s", "5s": "2s", "1s": "500ms"}
CHILD = {
    "apiVersion": "minuet/v1",
    "name": "child",
    "nodes": [{"id": "a", "type": "task"}, {"id": "b", "type": "task"}],
    "edges": [{"from": "a", "to": "b"}],
    "outputs": {"score": "${nodes.b.output.score}"},
}


@dataclass(slots=True)
class Program:
    """`ir` is its digest; `blobs` all that must be stored with it, by digest. `patches` are
    programs to which a patch may lead; an owner may refuse some of them."""

    number: int
    ir: str
    nodes: int
    constructs: list[str]
    blobs: dict[str, bytes] = field(default_factory=dict)
    patches: list[Program] = field(default_factory=list)


@lru_cache(maxsize=10_000)
def program(number: int) -> Program:
    """Always the same one for a number."""
    random = Random(f"document {number}")
    while True:
        maker = DocumentMaker(random, max_nodes=random.choice([2, 5, 9]))
        document = maker.document()
        compiled = _compiled(document)
        if compiled.ir is not None:
            break
    found = _program(number, compiled, maker.constructs)
    for _ in range(2):
        changed = _compiled(maker.changed(document))
        if changed.ir is not None and changed.digest != compiled.digest:
            found.patches.append(_program(number, changed, []))
    return found


def _compiled(document: dict[str, Any]) -> Compiled:
    return compile_document(shortened(document), NODE_TYPES, {Reference("child"): _child()[0]})


@lru_cache(maxsize=1)
def _child() -> tuple[KnownWorkflow, dict[str, bytes]]:
    compiled = compile_document(CHILD, NODE_TYPES)
    text = compiled.ir_json()
    child = IrChild(digest(text), compiled.digest, "child", 1)
    return KnownWorkflow(child, compiled.require().depth), {digest(text): text}


def _program(number: int, compiled: Compiled, constructs: list[str]) -> Program:
    texts = [compiled.ir_json(), *(body.ir for body in compiled.bodies)]
    blobs = {digest(text): text for text in texts} | _child()[1]
    return Program(number, digest(texts[0]), len(compiled.require().nodes), constructs, blobs)


def shortened(value: Any) -> Any:
    """With shorter times: virtual seconds cost real ones too, if few."""
    if isinstance(value, dict):
        return {key: shortened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shortened(each) for each in value]
    return SHORTER.get(value, value) if isinstance(value, str) else value
