"""How long a person waits for a large flow in the builder, and for a large run.

Method: a suite and headless Chromium on one machine; layers of ten transform steps, each after the
step above it, and pipelines of a type that no worker knows, so that they end at once. From the
address to the first card, and to the end of the last answer of the server or task of the main
thread that took 50 ms or more; the better of two, each from a page with nothing of it in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from examples.pipelines.shapes import SHAPES, pipeline
from tests.e2e.rig import Json, Rig, document
from tests.suite import Suite
from tests.support.browser import SITE, chromium, watched_page

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(180)]
LAYER = 10
PATIENCE_MS = 100_000
# Resolves once the main thread was free and nothing came for half a second: with when that began,
# in ms since the page was asked for.
SETTLED = """async () => {
  let last = performance.now()
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) last = Math.max(last, task.startTime + task.duration)
  }).observe({ type: 'longtask', buffered: true })
  new PerformanceObserver((list) => {
    for (const { responseEnd } of list.getEntries()) last = Math.max(last, responseEnd)
  }).observe({ type: 'resource', buffered: true })
  while (performance.now() - last < 500) await new Promise((go) => setTimeout(go, 50))
  return last
}"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    assert SITE.exists(), "the front end is not built: make setup"
    with Suite(tmp_path / ".minuet", fresh=True) as suite:
        made = Rig(suite, tmp_path / "ledger")
        yield made
        made.close()


def layers(count: int) -> Json:
    nodes = [{"id": f"n{n}", "type": "transform", "config": {"value": n}} for n in range(count)]
    edges = [(f"n{n - LAYER}", f"n{n}") for n in range(LAYER, count)]
    return document(f"layers{count}", nodes, edges)


def opened(page: Page, path: str, card: str) -> tuple[float, float]:
    """Seconds to the first card, and until the page is at rest."""
    page.goto("/settings")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    started = time.perf_counter()
    page.goto(path, wait_until="commit")
    page.locator(card).first.wait_for(timeout=PATIENCE_MS)
    first_s = time.perf_counter() - started
    return first_s, float(page.evaluate(SETTLED)) / 1000


def measure(rig: Rig, figures: Figures, label: str, workflow: Json) -> None:
    rig.apply(workflow)
    run = rig.start(workflow)
    rig.wait(run, 100)
    with chromium() as browser, watched_page(browser, rig.suite.url) as page:
        page.goto(f"/#key={rig.suite.api_key}")
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        for what, path, card in (
            ("builder", f"/flows/{workflow['name']}", "[data-step]"),
            ("run view", f"/runs/{run}", ".react-flow__node [role=img]"),
        ):
            first_s, rest_s = min(opened(page, path, card) for _ in range(2))
            figures.add(f"{what}, {label}: first card", first_s, "s", "headless Chromium")
            figures.add(f"{what}, {label}: at rest", rest_s, "s", "headless Chromium")


@pytest.mark.parametrize("count", [200, 1_000])
def test_opening_large_flows_and_runs(rig: Rig, figures: Figures, count: int) -> None:
    measure(rig, figures, f"{count:,} steps", layers(count))


@pytest.mark.parametrize(
    ("shape", "count"), [*((shape, 1_000) for shape in SHAPES), ("montage", 10_000)]
)
def test_opening_pipelines(rig: Rig, figures: Figures, shape: str, count: int) -> None:
    workflow = pipeline(shape, count) | {"settings": {}}
    measure(rig, figures, f"{shape} of {count:,}", workflow)
