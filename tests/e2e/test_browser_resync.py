"""A page that is sent too little of a run, because it is slow, shows all of it nevertheless."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.suite import Suite
from tests.support.browser import SITE, chromium, watched_page
from tests.support.waiting import until

from .rig import Json, Rig, document, fan

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
WIDE = 260  # more nodes than a snapshot holds, and many times more events than a client's buffer
BUFFER = {"MINUET_FANOUT_BUFFER_FRAMES": "10"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A suite for whose sockets every client is slow."""
    assert SITE.exists(), "the front end is not built: make setup"
    with Suite(tmp_path / ".minuet", env=BUFFER) as suite:
        made = Rig(suite, tmp_path / "ledger")
        yield made
        made.close()


@pytest.fixture
def page(rig: Rig) -> Iterator[Page]:
    with chromium() as browser, watched_page(browser, rig.suite.url) as made:
        made.goto(f"/#key={rig.suite.api_key}")
        expect(made.get_by_role("navigation", name="Main")).to_be_visible()
        yield made


def test_nothing_is_missing_after_a_resync(rig: Rig, page: Page) -> None:
    frames: list[Json] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: hear(frames, data)))
    run = rig.start(wide())
    page.goto(f"/runs/{run}")
    page.get_by_role("tab", name="Events").click()
    for node in ("first", "begin", "end"):
        answer(rig, approval(rig, run, node))
        until(lambda: tells_events(page, frames), "the socket tells events")
    ended = rig.wait(run)
    expect(page.locator("header").get_by_text("Succeeded")).to_be_visible()

    assert {frame["reason"] for frame in frames if frame["kind"] == "resync"} == {"slow"}
    assert any(frame["kind"] == "snapshot" for frame in frames)
    every = list(range(ended["seq"], 0, -1))
    until(lambda: rows(page) == every, "the page shows every event once")
    page.get_by_role("tab", name="Graph").click()
    out = page.get_by_role("button", name="Zoom Out")
    while out.is_enabled():  # only cards in sight are drawn, and so many are not in sight at once
        out.click()
    done = page.get_by_role("img", name=re.compile(": Succeeded$"))
    expect(done).to_have_count(WIDE + 3)


def wide() -> Json:
    ask = {"type": "hitl", "config": {"message": "Go on?"}}
    middle = [f"n{n}" for n in range(WIDE)]
    steps = [{"id": id, "type": "transform", "config": {"value": 1}} for id in middle]
    people = [{"id": id, **ask} for id in ("first", "begin", "end")]
    edges = [("first", "begin"), *fan("begin", middle, "end")]
    return document("wide", [*people, *steps], edges)


def hear(frames: list[Json], data: str | bytes) -> None:
    frames.append(json.loads(data))


def tells_events(page: Page, frames: list[Json]) -> bool:
    page.evaluate("0")  # frames are handed over only while the page is asked something
    return any(frame["kind"] == "event" for frame in frames)


def approval(rig: Rig, run: str, node: str) -> str:
    def asked() -> str | None:
        items = rig.items("/approvals", run=run, status="pending")
        return next((str(item["id"]) for item in items if item["node"] == node), None)

    return until(asked, f"{node} asks")


def answer(rig: Rig, id: str) -> None:
    given = rig.http.post(f"/approvals/{id}/decision", json={"decision": "approve"})
    assert given.status_code == 200, given.text


def rows(page: Page) -> list[int]:
    """The numbers of all rows of the history, from the top to the bottom of the list."""
    found: dict[int, None] = {}
    frame = page.get_by_role("tabpanel", name="Events").locator("div:has(> ol)")
    frame.evaluate("each => each.scrollTo(0, 0)")
    while True:
        shown = page.locator("ol li button > span:first-child").all_inner_texts()
        found |= dict.fromkeys(map(int, shown))
        if frame.evaluate("each => each.scrollTop + each.clientHeight >= each.scrollHeight - 1"):
            return list(found)
        frame.evaluate("each => each.scrollBy(0, each.clientHeight / 2)")
