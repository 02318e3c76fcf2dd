"""What tests of workflows start from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from minuet.ir.builtin import builtin_node_types
from minuet.ir.compile import validate_inputs
from minuet.model.duration import duration_ms
from minuet.model.ids import run_id
from minuet.model.ir import Ir
from minuet.model.node_type import NodeType
from minuet.model.signal import Start
from minuet.model.yaml import parse_yaml
from minuet.worker.registry import NodeSpec, Registry

from .caller import Caller
from .clock import VirtualClock
from .fakes import MISSING, Fake, FakeError, make_answer
from .library import Library, Program, all_nodes
from .live_run import LiveRun
from .run import Run
from .simulation import Simulation

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class Harness:
    """A workflow, and what stands behind its nodes; may run any number of times.

    `document` is parsed JSON or YAML text. Types that neither Minuet brings nor `use` tells must
    be faked: types only faked are taken for known, with any config and any port. `now` is the
    virtual instant at which runs start, `secrets` what `${secrets.name}` reads.
    """

    def __init__(
        self,
        document: Any,
        *,
        secrets: Mapping[str, str] | None = None,
        now: datetime = EPOCH,
    ) -> None:
        self.document = _parsed(document)
        self._secrets = dict(secrets or {})
        self._now_ms = round(now.timestamp() * 1000)
        self._registry = Registry()
        self._fakes: dict[str, Fake] = {}
        self._library = Library()
        self._program: Program | None = None

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> Self:
        """From a YAML or JSON file."""
        return cls(Path(path).read_text(), **options)

    def use(self, *functions: Callable[..., Any] | NodeSpec | Registry) -> Self:
        """Let real functions that are decorated with @node serve their types."""
        for each in functions:
            for spec in each if isinstance(each, Registry) else (each,):
                self._registry.add(spec)
        self._program = None
        return self

    def workflow(self, document: Any) -> Self:
        """Store a workflow that nodes of types `workflow` and `map` run by its name: the next
        version of it, from 1. It may run those that were stored before. Real functions and fakes
        stand behind its nodes too."""
        self._library.documents.append(_parsed(document))
        self._program = None
        return self

    def fake(
        self,
        target: str,
        function: Callable[..., Any] | None = None,
        *,
        returns: Any = MISSING,
        each: Iterable[Any] | None = None,
        port: str | None = None,
        takes: str = "0s",
        late: bool = False,
    ) -> Self:
        """Put something in the place of a node, or of all nodes of a type; the id goes first. In
        bodies of maps and in stored workflows too.

        `function` is plain or async and gets the rendered config, and the Context if it takes
        two; `returns` is the output of every call; `each` has one output or exception a call.
        An exception ends the attempt as it would in a worker. `port` is where a success ends,
        unless a Result says it. `takes` is how long a call lasts on the virtual clock: from the
        node's timeout on, the attempt ends on `timeout`. A later fake replaces an earlier one.
        `late` is for what only a patch will bring into the document.

        Raises FakeError if `target` is inline, or neither a node nor a type of the document or of
        a workflow stored so far.
        """
        self._check_target(target, late)
        answer = make_answer(target, function, returns, each)
        self._fakes[target] = Fake(answer, duration_ms(takes), port)
        self._program = None
        return self

    def run(self, inputs: Mapping[str, Any] | None = None) -> Run:
        """Run to the end, or until only a person or a message could go on. Synchronous; real
        functions take real time, everything else takes none.

        Raises InvalidDocument, InvalidInputs, FakeError for a node with nothing behind it, and
        AssertionError if a fake raised it.
        """
        with self.start(inputs) as live:
            return live.finish()

    def start(self, inputs: Mapping[str, Any] | None = None) -> LiveRun:
        """Start a run and stay beside it: use it with `with`. Raises as `run` does."""
        program = self._compiled()
        given = dict(inputs or {})
        validate_inputs(program.plan.ir, given)
        clock = VirtualClock(self._now_ms)
        caller = Caller(clock, self._registry, self._fakes, self._secrets)
        start = self._start(program.plan.ir, given)
        simulation = Simulation(program, start, caller, clock)
        return LiveRun(simulation, caller, clock, self.document, self._compile)

    def _start(self, ir: Ir, inputs: dict[str, Any]) -> Start:
        return Start(
            run=run_id(0, self._now_ms, 0),
            tenant="default",
            ir="",
            workflow=ir.workflow,
            accepted_at=self._now_ms,
            inputs=msgspec.Raw(msgspec.json.encode(inputs)),
        )

    def _compiled(self) -> Program:
        if self._program is None:
            self._program = self._compile(self.document)
        return self._program

    def _compile(self, document: Any) -> Program:
        return self._library.compile(document, self._types(document))

    def _types(self, document: Any) -> dict[str, NodeType]:
        types = {spec.name: spec.type for spec in self._registry}
        for node in self._nodes(document):
            name = node.get("type")
            if (
                isinstance(name, str)
                and name not in types
                and {name, node.get("id")} & {*self._fakes}
            ):
                types[name] = NodeType(name=name, ports=None)
        return types

    def _nodes(self, document: Any) -> Iterator[dict[str, Any]]:
        for each in (document, *self._library.documents):
            yield from all_nodes(each)

    def _check_target(self, target: str, late: bool) -> None:
        nodes = [
            each
            for each in self._nodes(self.document)
            if target in (each.get("id"), each.get("type"))
        ]
        if not nodes and not late:
            raise FakeError(
                f"no node and no type {target!r}, neither in the document nor in a workflow "
                "stored before"
            )
        for node in nodes:
            known = builtin_node_types().get(str(node.get("type")))
            if known is not None and known.inline:
                raise FakeError(
                    f"{node.get('id')!r} is of type {known.name!r}, which has no worker: it is "
                    "evaluated for real, also here"
                )


def _parsed(document: Any) -> Any:
    return parse_yaml(document) if isinstance(document, str | bytes) else document
