"""Take the pictures that README shows, light and dark: `python -m scripts.make_screenshots`.

With `--all FOLDER` every screen is taken as well, also empty, failing and narrow, to be looked at.
A suite of its own plays the workflow of `minuet demo` with the scripted stand-in for the model.
Needs the built front end, and Chromium as the browser tests do.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, expect

from minuet.client import Client
from minuet.demo.document import read_workflow
from minuet.demo.helpers import Helpers, helpers
from minuet.model.yaml import parse_yaml
from tests.suite import Suite
from tests.support.browser import WAIT_MS, chromium
from tests.support.waiting import until

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FLOWS = Path(__file__).with_name("screenshot_flows.yaml")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FAULTY = """\
apiVersion: minuet/v1
name: faulty
nodes:
  - {id: ask, type: hitl, config: {message: "Pay ${nodes.nobody.output}?"}}
  - {id: pay, type: http, config: {}}
edges:
  - {from: ask, to: nowhere}
"""
WIDE = (1280, 800)
RUNS = re.compile(r"/api/v1/runs(\?|$)")
NARROW = {"1024": (1024, 768), "390": (390, 844)}

Act = Callable[[Page], object]


class Camera:
    """A signed-in page per theme; pictures are kept as <name>-<theme>.png."""

    def __init__(self, browser: Browser, suite: Suite) -> None:
        self._pages = {theme: signed_in(browser, suite, theme) for theme in THEMES}

    def shoot(
        self, folder: Path, name: str, path: str, *acts: Act, size: tuple[int, int] = WIDE
    ) -> None:
        """Open `path` anew, do `acts`, and keep what there is to see once nothing moves."""
        for theme, page in self._pages.items():
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.goto(path)
            for act in acts:
                act(page)
            page.evaluate("document.fonts.ready")
            page.screenshot(
                path=folder / f"{name}-{theme}.png", animations="disabled", caret="hide"
            )
        print(folder / name)


def signed_in(browser: Browser, suite: Suite, theme: Literal["light", "dark"]) -> Page:
    context = browser.new_context(
        base_url=suite.url, color_scheme=theme, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(f"/#key={suite.api_key}")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    return page


@dataclass(frozen=True, slots=True)
class Stage:
    """The suite that is photographed."""

    client: Client
    helpers: Helpers

    def start_demo(self) -> tuple[str, str]:
        """The demo's run, and the question that it waits at."""
        run = self.start()
        return run, self.question_of(run)

    @property
    def inputs(self) -> dict[str, str]:
        helpers = self.helpers
        return {
            "company": "northwind", "services_url": helpers.services_url,
            "model_url": helpers.model_url,
        }  # fmt: skip

    def start(self) -> str:
        """A run of the demo whose agent is at work by now."""
        return self.client.runs.start("lead-qualification", self.inputs).id

    def question_of(self, run: str) -> str:
        def asked() -> str | None:
            open_ones = self.client.approvals.page(run=run, status=["pending"]).items
            return open_ones[0].id if open_ones else None

        return until(asked, "a question", 60)

    def answered(self, run: str, decision: Callable[[str, str], object], comment: str) -> str:
        decision(self.question_of(run), comment)
        self.client.runs.wait(run)
        return run


def see(text: str) -> Act:
    return lambda page: expect(page.get_by_text(text).first).to_be_visible()


def see_link(name: str) -> Act:
    return lambda page: expect(page.get_by_role("link", name=name).first).to_be_visible()


def press(role: Literal["button", "tab", "link"], name: str) -> Act:
    return lambda page: page.get_by_role(role, name=name, exact=True).first.click()


def see_form(page: Page) -> None:
    expect(page.get_by_label("Text")).to_be_visible()


def card(page: Page, title: str) -> Locator:
    """A step in the graph of a run."""
    return page.locator(f".run-graph [role=img][title='{title}']")


def choose(title: str) -> Act:
    return lambda page: card(page, title).click()


def edit_step(id: str) -> Act:
    return lambda page: page.locator(f"[data-step={id}]").click()


def break_api(page: Page) -> None:
    page.route(RUNS, lambda route: route.abort())


def mend_api(page: Page) -> None:
    page.unroute(RUNS)


def focus(selector: str) -> Act:
    """As the Tab key does, which alone makes the focus visible."""

    def act(page: Page) -> None:
        page.keyboard.press("Shift")
        page.locator(selector).first.focus()

    return act


def break_yaml(page: Page) -> None:
    """A flow with a fault, and the list of problems unfolded."""
    editor = page.locator(".cm-content")
    editor.fill(FAULTY)
    problems = page.get_by_role("region", name="Problems").get_by_role("button").first
    expect(problems).to_contain_text("error")
    problems.click()


def key(name: str) -> Act:
    return lambda page: page.keyboard.press(name)


def take_readme(camera: Camera, stage: Stage, folder: Path) -> tuple[str, str]:
    """What README shows, in the order of the story; gives the run and its question."""
    stage.client.workflows.apply(read_workflow())
    run, question = stage.start_demo()
    asks = see("Waits for an answer")
    turns = press_tab("Turns")
    camera.shoot(
        folder, "run", f"/runs/{run}", asks, choose("Score the lead"), turns, see("Turn 1")
    )
    camera.shoot(folder, "approval", f"/inbox/{question}", see_form)
    return run, question


def take_empty(camera: Camera, folder: Path) -> None:
    camera.shoot(folder, "empty-flows", "/flows", see("No flows yet"))
    camera.shoot(folder, "empty-runs", "/runs", see("Nothing has run yet"))
    camera.shoot(folder, "empty-inbox", "/inbox", see("Nothing is waiting"))
    camera.shoot(folder, "empty-builder", "/flows/new", see("example"))
    camera.shoot(folder, "not-found", "/flows/none-such", see("none-such"))


def take_run(camera: Camera, stage: Stage, folder: Path, run: str) -> None:
    asks = see("Waits for an answer")
    camera.shoot(folder, "run-asks", f"/runs/{run}", asks)
    camera.shoot(folder, "run-patches", f"/runs/{run}", asks, press("tab", "Patches 1"))
    camera.shoot(folder, "run-events", f"/runs/{run}", asks, press_tab("Events"))
    for tab in ("Output", "Config", "Logs", "Attempts"):
        acts = (asks, choose("Score the lead"), press_tab(tab))
        camera.shoot(folder, f"step-{tab.lower()}", f"/runs/{run}", *acts)
    camera.shoot(
        folder, "run-390", f"/runs/{run}", asks, choose("Score the lead"), size=NARROW["390"]
    )
    working = (choose("Score the lead"), see("Turn 1"))
    camera.shoot(folder, "run-working", f"/runs/{stage.start()}", *working)
    camera.shoot(folder, "run-1024", f"/runs/{run}", asks, size=NARROW["1024"])
    camera.shoot(folder, "run-cancel", f"/runs/{run}", asks, press("button", "Cancel run"))


def press_tab(name: str) -> Act:
    return lambda page: page.get_by_role("tab", name=name).click()


def take_builder(camera: Camera, folder: Path) -> None:
    flow = "/flows/lead-qualification"
    shown = edit_step("score")
    camera.shoot(folder, "builder", flow, shown)
    camera.shoot(folder, "builder-flow", flow, lambda page: page.wait_for_selector("[data-step]"))
    camera.shoot(folder, "builder-http", flow, edit_step("enrich"))
    camera.shoot(folder, "builder-yaml", f"{flow}?view=yaml", see("apiVersion"))
    camera.shoot(folder, "builder-focus", flow, shown, focus("#flow-canvas"))
    camera.shoot(folder, "builder-problems", "/flows/new?view=yaml", break_yaml)
    camera.shoot(folder, "builder-run", flow, shown, press("button", "Run"), see("Where companies"))
    camera.shoot(folder, "builder-add", flow, shown, key("Escape"), key("Tab"))
    camera.shoot(folder, "builder-ports", "/flows/refund-request", edit_step("approve_refund"))
    camera.shoot(folder, "builder-1024", flow, shown, size=NARROW["1024"])


def take_lists(camera: Camera, folder: Path, question: str, failed: str, ended: str) -> None:
    camera.shoot(folder, "flows", "/flows", see_link("refund-request"), see("Failed"))
    camera.shoot(folder, "versions", "/flows/lead-qualification/versions", see("latest"))
    camera.shoot(folder, "runs", "/runs", see_link("refund-request"))
    camera.shoot(folder, "runs-none-match", "/runs?status=timed_out", see("No run matches"))
    camera.shoot(
        folder, "runs-broken", "/flows", break_api, press("link", "Runs"), see("cannot be")
    )
    camera.shoot(folder, "inbox", "/inbox", see_link("Refund"), mend_api)
    camera.shoot(folder, "run-failed", f"/runs/{failed}", see("Failed at"))
    camera.shoot(folder, "run-ended", f"/runs/{ended}", see("Outputs"), see("call-1"))
    camera.shoot(folder, "run-focus", f"/runs/{ended}", see("call-1"), focus(".react-flow__node"))
    camera.shoot(folder, "settings", "/settings", see("Signed in as"))
    camera.shoot(folder, "help", "/runs", see_link("refund-request"), key("?"))
    camera.shoot(folder, "focus", "/runs", see_link("refund-request"), *[key("Tab")] * 9)
    for name, size in NARROW.items():
        camera.shoot(folder, f"flows-{name}", "/flows", see_link("refund-request"), size=size)
        camera.shoot(folder, f"runs-{name}", "/runs", see_link("refund-request"), size=size)
        camera.shoot(folder, f"inbox-{name}", "/inbox", see_link("Refund"), size=size)
        camera.shoot(folder, f"approval-{name}", f"/inbox/{question}", see_form, size=size)


def take_all(camera: Camera, stage: Stage, folder: Path) -> None:
    """Every screen, from the first that anybody sees to lists that are in use."""
    client = stage.client
    take_empty(camera, folder)
    run, question = take_readme(camera, stage, folder)
    take_run(camera, stage, folder, run)
    stage.answered(run, client.approvals.approve, "Northwind is worth a call.")
    camera.shoot(folder, "approval-decided", f"/inbox/{question}", see("worth a call"))
    documents = parse_yaml(FLOWS.read_text("utf-8"))
    assert isinstance(documents, list)
    for document in documents:
        client.workflows.apply(document)
    failed = client.runs.start("nightly-price-import").id
    client.runs.wait(failed)
    client.runs.start("onboarding-reminder", labels={"customer": "contoso", "plan": "team"})
    stopped = client.runs.start("onboarding-reminder", labels={"customer": "fabrikam"}).id
    client.runs.cancel(stopped, "they wrote themselves")
    client.runs.wait(stopped)
    for customer, amount in (("A. Meyer", 240), ("Contoso Ltd", 1_900), ("Fabrikam", 35)):
        client.runs.start("refund-request", {"customer": customer, "amount": amount})
    no, _ = stage.start_demo()
    stage.answered(no, client.approvals.reject, "Not now.")
    _, question = stage.start_demo()
    take_builder(camera, folder)
    take_lists(camera, folder, question, failed, run)


@contextmanager
def scene() -> Iterator[tuple[Camera, Stage]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="minuet-pictures-")))
        suite = stack.enter_context(Suite(folder / ".minuet"))
        client = stack.enter_context(Client(suite.url, suite.api_key))
        servers = stack.enter_context(helpers())
        camera = Camera(stack.enter_context(chromium()), suite)
        yield camera, Stage(client, servers)


def take_signed_out(camera: Camera, folder: Path) -> None:
    out = press("button", "Sign out")
    camera.shoot(folder, "sign-in", "/settings", out, see("You are signed out"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="take every screen into FOLDER")
    folder: Path | None = parser.parse_args().all
    (folder or IMAGES).mkdir(parents=True, exist_ok=True)
    with scene() as (camera, stage):
        if folder is None:
            take_readme(camera, stage, IMAGES)
        else:
            take_all(camera, stage, folder)
            take_signed_out(camera, folder)


if __name__ == "__main__":
    main()
