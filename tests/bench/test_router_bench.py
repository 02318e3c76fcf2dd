"""The compiled router beside its reference, and the cost of a whole transition."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from minuet.ir import reference, router
from minuet.ir.advance import advance
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.signal import Start
from minuet.model.token import Outcome

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial]
RouterModule = Callable[..., router.Router]


def best_of(runs: int, work: Callable[[], None]) -> float:
    """Least wall time of `runs` calls, in seconds: noise only ever adds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def chain(length: int) -> Ir:
    nodes = [IrNode(id=f"n{i}", type="noop", effect="pure") for i in range(length)]
    return Ir(workflow="chain", nodes=nodes, edges=[IrEdge(i, i + 1) for i in range(length - 1)])


def walk(make: RouterModule, length: int) -> None:
    graph = make(
        [0] * length, range(length - 1), range(1, length), ["success"] * (length - 1),
        [False] * (length - 1),
    )  # fmt: skip
    frontier = graph.frontier()
    frontier.start()
    for node in range(length):
        frontier.resolve(node, "success")


def test_router_against_reference(figures: Figures) -> None:
    length = 300
    compiled = best_of(5, lambda: walk(router.Router, length)) / length
    plain = best_of(2, lambda: walk(reference.Router, length)) / length  # type: ignore[arg-type]
    figures.add("router: resolve, compiled", compiled * 1e6, "us", f"chain of {length}")
    figures.add("router: resolve, reference", plain * 1e6, "us", f"{plain / compiled:.0f} x")


@pytest.mark.parametrize("length", [10, 10_000])
def test_cost_of_a_transition(figures: Figures, length: int) -> None:
    plan = Plan(chain(length), "d")
    runs = max(1, 20_000 // length)

    def work() -> None:
        for _ in range(runs):
            state = RunState(plan, Start("0-r", "t", "d", "chain", accepted_at=0))
            advance(state, [Start("0-r", "t", "d", "chain", accepted_at=0)], 0)
            for node in range(length):
                advance(state, [Completion(f"n{node}", 1, 1, Outcome())], 0)
            assert state.status.ended

    per_step = best_of(3, work) / (runs * length)
    figures.add(f"transition in a run of {length} nodes", per_step * 1e6, "us")
