"""What tests of workflows start from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from minuet.ir.builtin import builtin_node_types
from minuet.ir.compile import Compiled, compile_document, validate_inputs
from minuet.ir.plan import Plan
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
        self.document = parse_yaml(document) if isinstance(document, str | bytes) else document
        self._secrets = dict(secrets or {})
        self._now_ms = round(now.timestamp() * 1000)
        self._registry = Registry()
        self._fakes: dict[str, Fake] = {}
        self._plan: Plan | None = None

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> Self:
        """From a YAML or JSON file."""
        return cls(Path(path).read_text(), **options)

    def use(self, *functions: Callable[..., Any] | NodeSpec | Registry) -> Self:
        """Let real functions that are decorated with @node serve their types."""
        for each in functions:
            for spec in each if isinstance(each, Registry) else (each,):
                self._registry.add(spec)
        self._plan = None
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
        """Put something in the place of a node, or of all nodes of a type; the id goes first.

        `function` is plain or async and gets the rendered config, and the Context if it takes
        two; `returns` is the output of every call; `each` has one output or exception a call.
        An exception ends the attempt as it would in a worker. `port` is where a success ends,
        unless a Result says it. `takes` is how long a call lasts on the virtual clock: from the
        node's timeout on, the attempt ends on `timeout`. A later fake replaces an earlier one.
        `late` is for what only a patch will bring into the document.

        Raises FakeError if `target` is inline, or neither a node nor a type of the document.
        """
        self._check_target(target, late)
        answer = make_answer(target, function, returns, each)
        self._fakes[target] = Fake(answer, duration_ms(takes), port)
        self._plan = None
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
        plan = self._compiled()
        given = dict(inputs or {})
        validate_inputs(plan.ir, given)
        clock = VirtualClock(self._now_ms)
        caller = Caller(clock, self._registry, self._fakes, self._secrets)
        simulation = Simulation(plan, self._start(plan.ir, given), caller, clock)
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

    def _compiled(self) -> Plan:
        if self._plan is None:
            self._plan = self._compile(self.document)
        return self._plan

    def _compile(self, document: Any) -> Plan:
        compiled: Compiled = compile_document(document, self._types(document))
        return Plan(compiled.require(), compiled.digest)

    def _types(self, document: Any) -> dict[str, NodeType]:
        types = {spec.name: spec.type for spec in self._registry}
        for node in _nodes(document):
            name = node.get("type")
            if (
                isinstance(name, str)
                and name not in types
                and {name, node.get("id")} & {*self._fakes}
            ):
                types[name] = NodeType(name=name, ports=None)
        return types

    def _check_target(self, target: str, late: bool) -> None:
        nodes = [
            each for each in _nodes(self.document) if target in (each.get("id"), each.get("type"))
        ]
        if not nodes and not late:
            raise FakeError(f"the document has no node and no type {target!r}")
        for node in nodes:
            known = builtin_node_types().get(str(node.get("type")))
            if known is not None and known.inline:
                raise FakeError(
                    f"{node.get('id')!r} is of type {known.name!r}, which has no worker: it is "
                    "evaluated for real, also here"
                )


def _nodes(document: Any) -> list[dict[str, Any]]:
    nodes = document.get("nodes") if isinstance(document, dict) else None
    return [each for each in nodes if isinstance(each, dict)] if isinstance(nodes, list) else []
