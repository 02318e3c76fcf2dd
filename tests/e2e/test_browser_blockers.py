"""The run view says what each live node waits for, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.suite import Suite
from tests.support.browser import SITE, chromium, watched_page

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]

NODES: list[Json] = [
    {"id": "ask", "type": "hitl", "config": {"message": "Ship it?", "assignees": ["ada"]}},
    {"id": "hear", "type": "wait", "config": {"message": "paid", "timeout": "1h"}},
]


def test_the_reasons_of_a_run_and_the_way_to_its_nodes(tmp_path: Path) -> None:
    assert SITE.exists(), "the front end is not built: make setup"
    with Suite(tmp_path / ".minuet") as suite, chromium() as browser:
        rig = Rig(suite, tmp_path / "ledger")
        run = rig.start(document("stuck", NODES))
        rig.until_node(run, "ask", "waiting")
        with watched_page(browser, suite.url) as page:
            page.goto(f"/#key={suite.api_key}")
            expect(page.get_by_role("link", name="Runs").first).to_be_visible()
            page.goto(f"/runs/{run}")
            page.get_by_role("tab", name="Waits for").click()
            panel = page.get_by_role("tabpanel", name="Waits for")
            expect(panel.get_by_text("It waits for the approval of ada.")).to_be_visible()
            expect(panel.get_by_text("It waits for the message 'paid'.")).to_be_visible()
            assert rig.http.post(f"/runs/{run}/messages/paid", json={}).status_code == 200
            expect(panel.get_by_text("It waits for the message 'paid'.")).to_be_hidden()
            assert rig.http.post(f"/runs/{run}/pause", json={"reason": "lunch"}).status_code == 200
            expect(panel.get_by_text("paused the run: lunch.")).to_be_visible()
            panel.get_by_role("button", name="ask").click()
            expect(page.get_by_role("button", name="Back to the run")).to_be_visible()
            rig.http.post(f"/runs/{run}/cancel")
            rig.wait(run)
            page.get_by_role("button", name="Back to the run").click()
            expect(page.get_by_role("tab", name="Waits for")).to_be_hidden()
        rig.close()
