"""Loops, guards, pauses, messages, maps and retries by mouse and key in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.waiting import until

from .browsing import browser, fresh, page, rig, suite
from .canvas import click_connection, connect, drag_step, write
from .rig import Json, Rig, document

__all__ = ["browser", "fresh", "page", "rig", "suite"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ITEMS = 12
BAD_ITEM = 3


def card(page: Page, title: str, state: str) -> Locator:
    return page.get_by_role("img", name=f"{title}: {state}", exact=True)


def value(id: str, value: object = 1, **more: object) -> Json:
    return {"id": id, "type": "transform", "config": {"value": value}, **more}


def events(rig: Rig, run: str, type_: str) -> list[Json]:
    return [each for each in rig.get(f"/runs/{run}/events")["items"] if each["type"] == type_]


def test_a_loop_and_a_guard_are_drawn_and_run(rig: Rig, page: Page) -> None:
    page.goto("/flows/new")
    # Away from the edges, where a drag moves the canvas.
    for type_, x, y in (("transform", 230, 250), ("join", 560, 250), ("transform", 560, 450)):
        drag_step(page, type_, x, y)
    settings = page.get_by_role("complementary", name="Settings of what is selected")
    connect(page, "transform", "success", "join")
    connect(page, "join", "success", "transform_2")
    connect(page, "join", "success", "transform")
    question = page.get_by_role("dialog", name="Go round again?")
    write(page, question.get_by_label("Go round again while"), "nodes.transform.output < 4")
    write(page, question.get_by_label("Most rounds"), "9")
    question.get_by_role("button", name="Make it a loop").click()
    expect(settings.get_by_label("Go round again while")).to_have_value(
        "nodes.transform.output < 4"
    )
    expect(page.get_by_title("while nodes.transform.output < 4")).to_be_visible()

    # The port for when the loop is used up is there now; undo takes both away and back.
    used_up = page.locator("[data-step=join] .source[data-handleid=exhausted]")
    expect(used_up).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(used_up).to_have_count(0)
    page.get_by_role("button", name="Redo").click()
    expect(used_up).to_have_count(1)

    page.locator("[data-step=transform]").click()
    write(page, settings.get_by_label("Value *"), "${iteration * 2}")
    page.locator("[data-step=transform_2]").click()
    settings.get_by_text("Behaviour", exact=True).click()
    write(page, settings.get_by_label("Runs only when"), "nodes.transform.output > 100")
    click_connection(page, 2)
    write(page, settings.get_by_label("Most rounds"), "5")

    page.locator("#flow-canvas .react-flow__pane").click(position={"x": 20, "y": 20})
    write(page, settings.get_by_label("Name"), "rounds")
    expect(page.get_by_text("No problems")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    dialog = page.get_by_role("dialog", name="Run rounds")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(page).to_have_url(re.compile("/runs/[^/]+$"))
    expect(page.locator("header").get_by_text("Succeeded")).to_be_visible()
    run = page.url.rsplit("/", 1)[1]
    saved = rig.get("/workflows/rounds")["document"]
    loops = [edge["loop"] for edge in saved["edges"] if "loop" in edge]
    assert loops == [{"while": "nodes.transform.output < 4", "max_iterations": 5}]

    expect(card(page, "transform", "Succeeded")).to_contain_text("round 3")
    expect(card(page, "transform_2", "Skipped")).to_contain_text("held back by its condition")
    expect(page.get_by_text("↻ round 3 · at most 5")).to_be_visible()
    assert len(events(rig, run, "node.ended")) == 3 * 2 + 1
    card(page, "transform", "Succeeded").click()
    output = page.get_by_role("tabpanel", name="Output")
    expect(output).to_contain_text("4")
    page.get_by_label("Execution").select_option(label="round 2")
    expect(output).to_contain_text("2")


def test_a_run_is_paused_and_goes_on_with_a_message(rig: Rig, page: Page) -> None:
    nodes = [{"id": "paid", "type": "wait", "config": {"message": "paid"}}, value("ship")]
    run = rig.start(document("order", nodes, [("paid", "ship")]))
    page.goto(f"/runs/{run}")
    expect(card(page, "paid", "Waiting")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").filter(has_text="Paused by")).to_be_visible()
    assert rig.get(f"/runs/{run}")["status"] == "paused"
    card(page, "paid", "Waiting").click()
    page.get_by_role("button", name="Send it").click()
    dialog = page.get_by_role("dialog", name="Send the message paid")
    write(page, dialog.get_by_label("What comes with it"), '{"amount": 12}')
    dialog.get_by_role("button", name="Send it").click()
    expect(card(page, "paid", "Succeeded")).to_be_visible()
    until(lambda: events(rig, run, "message.taken"), "the message is taken")
    assert rig.get(f"/runs/{run}")["status"] == "paused"

    page.get_by_role("button", name="Resume").click()
    expect(page.locator("header").get_by_text("Succeeded")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Output")).to_contain_text("amount:12")
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_text("took the message “paid”")).to_be_visible()


def test_a_map_shows_its_items_and_leads_to_them(rig: Rig, page: Page) -> None:
    ask = {"id": "go", "type": "wait", "config": {"message": "go"}}
    body = {
        "nodes": [ask, value("part", f"${{10 / (inputs.item - {BAD_ITEM})}}")],
        "edges": [{"from": "go", "to": "part"}],
    }
    config = {"items": str(ITEMS), "run": body, "on_item_error": "collect"}
    run = rig.start(document("parts", [{"id": "each", "type": "map", "config": config}]))
    page.goto(f"/runs/{run}")
    each = card(page, "each", "Waiting")
    expect(each).to_contain_text(f"0/{ITEMS} items")
    each.click()
    items = page.get_by_role("tabpanel", name="Items")
    expect(items).to_contain_text(f"{ITEMS} running of {ITEMS}")
    children = until(
        lambda: found if len(found := list(rig.items("/runs", parent=run))) == ITEMS else None,
        "all child runs are recorded",
    )
    for child in children:
        answer = rig.http.post(f"/runs/{child['id']}/messages/go")
        assert answer.status_code == 200, answer.text
    expect(items).to_contain_text(f"{ITEMS - 1} done, 1 failed, 0 running of {ITEMS}")
    items.get_by_role("button", name="Failed").click()
    failed = items.get_by_role("link").filter(has_text=f"item {BAD_ITEM}")
    expect(items.get_by_role("link")).to_have_count(1)
    failed.click()
    crumb = page.get_by_role("navigation", name="Part of")
    expect(crumb).to_contain_text(f"item {BAD_ITEM}")
    expect(page.locator("header").get_by_text("Failed")).to_be_visible()
    crumb.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/runs/{run}$"))


def test_what_was_done_is_seen_undone(rig: Rig, page: Page) -> None:
    nodes = [
        value("charge", compensate="refund"),
        {"id": "hold", "type": "wait", "config": {"for": "1h"}},
        value("refund"),
    ]
    settings = {"compensate_on": ["cancelled"]}
    run = rig.start(document("undone", nodes, [("charge", "hold")], settings=settings))
    page.goto(f"/runs/{run}")
    expect(card(page, "hold", "Waiting")).to_be_visible()
    expect(page.get_by_label("Undoes charge")).to_be_visible()
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(page.locator("header").get_by_text("Cancelled")).to_be_visible()
    expect(card(page, "refund", "Succeeded")).to_be_visible()


def test_a_failed_run_goes_on_in_a_new_one(rig: Rig, page: Page) -> None:
    nodes = [value("first"), value("second", "${10 / inputs.n}"), value("third")]
    edges = [("first", "second"), ("second", "third")]
    inputs = {"type": "object", "properties": {"n": {"type": "integer"}}}
    failed = rig.start(document("divide", nodes, edges, inputs=inputs), {"n": 0})
    page.goto(f"/runs/{failed}")
    expect(page.locator("header").get_by_text("Failed")).to_be_visible()
    page.get_by_role("button", name="Run again", exact=True).click()
    dialog = page.get_by_role("dialog", name="Run again")
    bill = dialog.get_by_role("region", name="What it would do")
    expect(bill).to_contain_text("1 reused, 2 again")
    expect(bill.get_by_role("listitem").filter(has_text="third")).to_contain_text("never ran")
    assert len(list(rig.items("/runs", workflow="divide"))) == 1
    dialog.get_by_text("Inputs (JSON)").click()
    write(page, dialog.get_by_label("Inputs (JSON)"), '{"n": 5}')
    expect(bill.get_by_text("other inputs")).to_be_visible()
    dialog.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(re.compile(failed))
    expect(page.locator("header").get_by_text("Succeeded")).to_be_visible()
    expect(card(page, "first", "Succeeded")).to_contain_text("reused")
    expect(page.locator("header").get_by_text("runs again")).to_be_visible()
    shown = rig.get(f"/runs/{page.url.rsplit('/', 1)[1]}")
    assert (shown["retry_of"], shown["inputs"]) == (failed, {"n": 5})
