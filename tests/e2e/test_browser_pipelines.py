"""Flows of a thousand steps, some hundreds of them side by side, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from examples.pipelines.shapes import pipeline

from .browsing import browser, fresh, page, rig, suite
from .rig import Json, Rig

__all__ = ["browser", "fresh", "page", "rig", "suite"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def montage() -> Json:
    """Of steps that no worker knows: they end at once, with nothing."""
    return pipeline("montage", 1_000) | {"settings": {}}


def expect_lines(page: Page, document: Json) -> None:
    expect(page.locator(".react-flow__edge-path")).to_have_count(len(document["edges"]))


def test_all_of_a_wide_flow_is_in_sight(rig: Rig, page: Page, montage: Json) -> None:
    rig.apply(montage)
    page.goto(f"/flows/{montage['name']}")
    cards = page.locator("[data-step]")
    expect(cards).to_have_count(len(montage["nodes"]))
    expect_lines(page, montage)
    for id in ("project_0", "diff_fit_0", "diff_fit_300", "concat_fit", "jpeg"):
        expect(page.locator(f"[data-step={id}]")).to_be_in_viewport()

    # Near enough to be read, only what is in sight is drawn, with all that belongs to it.
    page.locator("[data-step=concat_fit]").hover()
    for _ in range(8):
        page.mouse.wheel(0, -200)
    card = page.locator("[data-step=concat_fit]")
    expect(card.get_by_text("concat_fit", exact=True)).to_be_visible()
    expect(card.locator(".react-flow__handle")).not_to_have_count(0)
    expect(page.locator("[data-step=project_0]")).to_have_count(0)


def test_all_of_a_wide_run_is_in_sight(rig: Rig, page: Page, montage: Json) -> None:
    run = rig.start(montage)
    rig.wait(run)
    page.goto(f"/runs/{run}")
    expect(page.locator(".react-flow__node [role=img]")).to_have_count(len(montage["nodes"]))
    expect_lines(page, montage)
    for id in ("project_0", "concat_fit", "jpeg"):
        expect(page.get_by_role("img", name=f"{id}: Succeeded", exact=True)).to_be_in_viewport()
