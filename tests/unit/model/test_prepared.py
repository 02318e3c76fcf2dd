"""No thread is ever the first to use a type: msgspec would crash if two were at once.

What msgspec works out at the first use begins with reading the annotations of the class, by a
function in Python; a profile sees whether that is called.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

PROLOGUE = """
import sys
{imports}
def watch(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "get_class_annotations":
        seen.append(frame.f_locals["obj"])
seen = []
sys.setprofile(watch)
{use}
sys.setprofile(None)
print(seen)
"""
COMPILE = """
compile_document({"apiVersion": "minuet/v1", "name": "x", "settings": {"deadline": "1h"},
    "nodes": [{"id": "a", "type": "transform", "retry": {"max_attempts": 2}}],
    "edges": [{"from": "a", "to": "a", "loop": {"while": "false", "max_iterations": 2}}]}, {})
"""
NODE = """
import msgspec
from minuet.worker import node
class Item(msgspec.Struct):
    name: str
@node("test.plain")
def plain(items: list[Item], more: int = 1) -> int:
    return 1
from minuet.worker.registry import ATTRIBUTE
type_ = getattr(plain, ATTRIBUTE).signature.type
"""


@pytest.mark.parametrize(
    ("imports", "use"),
    [
        ("from minuet.ir.compile import compile_document", COMPILE),
        (
            "import msgspec; from minuet.model.token import CasRef, Failure",
            "msgspec.convert({'$cas': 'd', 'size_bytes': 1}, CasRef);"
            "msgspec.convert({'code': 'c', 'message': 'm'}, Failure)",
        ),
        (
            "import msgspec; from minuet.model.signal import Parent",
            "msgspec.convert({'run': 'r', 'node': 'n', 'gen': 1, 'attempt': 1, 'item': 0}, Parent)",
        ),
        (NODE, "msgspec.json.decode(b'{\"items\": []}', type=type_)"),
    ],
    ids=["documents", "references and failures", "parents", "arguments of node functions"],
)
def test_what_threads_decode_is_prepared_at_import(imports: str, use: str) -> None:
    program = PROLOGUE.format(imports=imports, use=use)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
