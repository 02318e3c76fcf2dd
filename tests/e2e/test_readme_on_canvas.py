"""The workflow of the README, drawn on the canvas and run, with the example's own services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from minuet.model.yaml import parse_yaml
from tests.suite import Suite
from tests.support.browser import SITE, chromium, watched_page

from .canvas import click_connection, connect, drag_step, write
from .rig import Json, Rig

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.serial]
EXAMPLE = Path(__file__).parents[2] / "examples" / "lead_routing"
README: Json = parse_yaml((EXAMPLE / "workflow.yaml").read_text())
# Where each step is dropped: a column a stage.
PLACES = {
    "profile": (140, 120), "credit": (140, 320), "mentions": (140, 520),
    "known": (410, 320), "rate": (670, 320), "call": (410, 760), "write": (670, 760),
}  # fmt: skip

# The nearest switch to an expression, seen from a field.
LABEL = "@aria-label='Write an expression instead'"
SWITCH = f"xpath=ancestor::*[.//button[{LABEL}]][1]//button[{LABEL}]"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A suite with the example's services."""
    assert SITE.exists(), "the front end is not built: make setup"
    with Suite(tmp_path / ".minuet") as suite, ExitStack() as stack:
        made = Rig(suite, tmp_path / "ledger")
        stack.callback(made.close)
        stack.enter_context(running(made, str(EXAMPLE / "services.py")))
        yield made


@contextmanager
def running(rig: Rig, *arguments: str) -> Iterator[None]:
    env = os.environ | {"MINUET_DATA_DIR": str(rig.suite.data_dir)}
    process = subprocess.Popen([sys.executable, *arguments], env=env)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def test_the_workflow_of_the_readme_is_drawn_saved_and_run(rig: Rig) -> None:
    with ExitStack() as stack:
        page = stack.enter_context(watched_page(stack.enter_context(chromium()), rig.suite.url))
        page.goto(f"/flows/new#key={rig.suite.api_key}")
        expect(page.locator("[data-type=http]")).to_be_visible()
        expect(page.locator("[data-type=rate_lead]")).to_have_count(0)
        # A worker that comes while the flow is open: its steps appear in the palette.
        worker = ["-m", "minuet.cli.main", "worker", str(EXAMPLE / "nodes.py")]
        stack.enter_context(running(rig, *worker))
        panel = page.get_by_label("Settings of what is selected")
        for node in README["nodes"]:
            drag_step(page, node["type"], *PLACES[node["id"]])
            write(page, panel.get_by_label("Id"), node["id"])
            configure(page, panel, node)
        for number, edge in enumerate(README["edges"]):
            connect(page, edge["from"], "success", edge["to"])
            condition(page, panel, number, edge)
        page.locator(".react-flow__pane").click(position={"x": 40, "y": 1000})
        write(page, panel.get_by_label("Inputs (JSON Schema)"), json.dumps(README["inputs"]))
        write(page, panel.get_by_label("Outputs"), json.dumps(README["outputs"]))
        write(page, panel.get_by_label("Name"), README["name"])
        page.keyboard.press("Control+S")
        expect(page.get_by_text("Saved as v1")).to_be_visible()
        drawn = rig.get(f"/workflows/{README['name']}")["document"]
        assert essence(drawn) == essence(README)

        page.get_by_role("button", name="Run", exact=True).click()
        dialog = page.get_by_role("dialog")
        write(page, dialog.get_by_label("company"), "northwind")
        dialog.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_role("img", name="call: Succeeded", exact=True)).to_be_visible()
        expect(page.get_by_role("img", name="write: Skipped", exact=True)).to_be_visible()
        run = rig.wait(page.url.rpartition("/")[2])
    assert run["outputs"] == {"score": 96, "next": "Call Northwind Traders: score 96"}


def configure(page: Page, panel: Locator, node: Json) -> None:
    config = node.get("config", {})
    match node["type"]:
        case "http":
            write(page, panel.get_by_label("URL"), config["url"])
        case "transform":
            write(page, panel.get_by_label("Value"), config["value"])
        case "rate_lead":
            for name, value in config.items():
                field = panel.locator(f"#config-{node['id']}_{name}")
                if name != "credit":  # numbers: an expression has to be asked for
                    field.locator(SWITCH).click()
                write(page, field, value)


def condition(page: Page, panel: Locator, number: int, edge: Json) -> None:
    if "when" not in edge and "otherwise" not in edge:
        return
    click_connection(page, number)
    taken = panel.get_by_label("Taken")
    taken.select_option("when" if "when" in edge else "otherwise")
    if "when" in edge:
        write(page, panel.get_by_label("when", exact=True), edge["when"])


def essence(document: Json) -> Json:
    """What a run depends on; how often and how long a step is tried is left at its default."""
    return {
        "inputs": document["inputs"],
        "outputs": document["outputs"],
        "nodes": {
            node["id"]: (node["type"], without_method(node.get("config", {})))
            for node in document["nodes"]
        },
        "edges": [
            (edge["from"], edge["to"], edge.get("when"), edge.get("otherwise", False))
            for edge in document["edges"]
        ],
    }


def without_method(config: Json) -> Json:
    """The builder writes the method of a request down also where it is the default."""
    return {key: value for key, value in config.items() if (key, value) != ("method", "GET")}
