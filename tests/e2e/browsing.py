"""Fixtures of the tests in a browser: a suite and a Chromium a module, a page a test.

Import those that a module uses, and what they are made of.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.suite import Suite
from tests.support.browser import SITE, chromium, watched_page

from .rig import Rig


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    assert SITE.exists(), "the front end is not built: make setup"
    with Suite(tmp_path_factory.mktemp("browser suite") / ".minuet") as made:
        yield made


@pytest.fixture(scope="module")
def rig(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(suite, tmp_path_factory.mktemp("notes") / "ledger")
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def fresh(browser: Browser, suite: Suite) -> Iterator[Page]:
    """A page that nobody has signed in to."""
    with watched_page(browser, suite.url) as made:
        yield made


@pytest.fixture
def page(fresh: Page, suite: Suite) -> Page:
    """Signed in by the link that the suite prints."""
    fresh.goto(f"/#key={suite.api_key}")
    expect(rail(fresh, "Runs")).to_be_visible()
    return fresh


def rail(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="Main").get_by_role("link", name=name)
