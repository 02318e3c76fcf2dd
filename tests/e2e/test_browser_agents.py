"""What an agent says and calls, seen in a real browser while it does, and again after a reload."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from minuet.services.dev_llm.serving import claim_port
from tests.suite import Suite
from tests.support.browser import SITE, chromium, watched_page
from tests.support.waiting import until

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.serial]
STORY = " ".join(f"word{n}" for n in range(60))
PLAN = "Let me sort these first <b>of all</b>."
SORT = {"op": "table_sort", "by": "n", "rows": [{"n": 2}, {"n": 1}]}
SCRIPT: Json = {
    "conversations": [
        {
            "name": "a slow teller",
            "turns": [
                {
                    "say": PLAN,
                    "tool_calls": [{"name": "execute_pipeline", "arguments": {"steps": [SORT]}}],
                },
                {"say": STORY, "chunk_ms": 100, "chunk_chars": 6},
            ],
        }
    ]
}
TELL: Json = {
    "id": "tell",
    "type": "agent",
    "config": {"prompt": "Tell a story", "tools": ["execute_pipeline"]},
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A suite whose agents are played by a script."""
    assert SITE.exists(), "the front end is not built: make setup"
    folder = tmp_path_factory.mktemp("agents")
    with ExitStack() as stack:
        url = stack.enter_context(scripted_model(folder))
        env = {"MINUET_LLM_BASE_URL": url, "MINUET_LLM_MODEL": "dev-teller"}
        made = Rig(stack.enter_context(Suite(folder / ".minuet", env=env)), folder / "ledger")
        stack.callback(made.close)
        yield made


@contextmanager
def scripted_model(folder: Path) -> Iterator[str]:
    script = folder / "script.yaml"
    script.write_text(json.dumps(SCRIPT))
    port = claim_port("127.0.0.1", 0)
    child = subprocess.Popen(
        [sys.executable, "-m", "minuet.cli.main", "dev-llm", str(script), "--port", str(port)],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        assert "stand-in" in child.stdout.readline().decode()
        yield child.stdout.readline().decode().strip().removeprefix("MINUET_LLM_BASE_URL=")
    finally:
        child.terminate()
        child.communicate(timeout=10)


@pytest.fixture
def page(rig: Rig) -> Iterator[Page]:
    with chromium() as browser, watched_page(browser, rig.suite.url) as made:
        made.goto(f"/#key={rig.suite.api_key}")
        expect(made.get_by_role("navigation", name="Main")).to_be_visible()
        yield made


def test_turns_stream_and_are_there_again_after_a_reload(rig: Rig, page: Page) -> None:
    run = rig.start(document("told", [TELL], outputs={"story": "${nodes.tell.output}"}))
    open_turns(page, run)
    expect(said(page, 1)).to_have_text(PLAN)
    call = turn(page, 1).get_by_role("group", name="Call of execute_pipeline")
    call.get_by_text("execute_pipeline").click()
    call.get_by_role("button", name="3 fields").click()
    expect(call.get_by_role("region", name="Arguments")).to_contain_text("op:table_sort")
    expect(call.get_by_role("region", name="Result")).to_contain_text("n:1")
    lengths = growth_of(page)
    assert len(set(lengths)) >= 5, lengths
    assert lengths == sorted(lengths)

    before = said(page, 2).inner_text()
    page.reload()
    open_turns(page, run)
    expect(said(page, 1)).to_have_text(PLAN)
    call.get_by_text("execute_pipeline").click()
    expect(call.get_by_role("region", name="Result")).to_contain_text("n:1")
    expect(said(page, 2)).to_have_text(re.compile(f"^{re.escape(before)}"))
    assert rig.get(f"/runs/{run}")["status"] == "running", "it reloaded too late"
    expect(page.get_by_text("goes on …")).to_be_visible()
    expect(said(page, 2)).to_have_text(STORY, timeout=30_000)
    assert rig.wait(run)["outputs"] == {"story": STORY}

    page.reload()
    open_turns(page, run)
    expect(said(page, 1)).to_have_text(PLAN)
    expect(said(page, 2)).to_have_text(STORY)
    expect(page.get_by_text("goes on …")).to_have_count(0)
    kept = rig.get(f"/runs/{run}/nodes/tell/turns")["items"]
    assert [(each["text"], each["finished"]) for each in kept] == [(PLAN, True), (STORY, True)]


def open_turns(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}")
    page.get_by_role("img", name=re.compile("^tell: ")).click()
    page.get_by_role("tab", name="Turns").click()


def turn(page: Page, number: int) -> Locator:
    heading = page.get_by_role("heading", name=f"Turn {number}", exact=True)
    return page.locator("section").filter(has=heading)


def said(page: Page, number: int) -> Locator:
    return turn(page, number).locator("p > bdi")


def growth_of(page: Page) -> list[int]:
    """How long the second turn was, each time that it was looked at until a third of it came."""
    lengths: list[int] = []

    def a_third_came() -> bool:
        text = said(page, 2).inner_text() if said(page, 2).count() else ""
        assert STORY.startswith(text)
        lengths.append(len(text))
        return len(text) > len(STORY) / 3

    until(a_third_came, "a third of the story is told", 30)
    return lengths
