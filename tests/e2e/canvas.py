"""The hands of a person at the builder: drag a step, draw a connection, fill a field."""

from __future__ import annotations

from playwright.sync_api import Locator, Page


def write(page: Page, field: Locator, text: str) -> None:
    """Click into a field and type in place of what it holds."""
    field.click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Tab")


def drag_step(page: Page, type: str, x: int, y: int) -> None:
    """From the palette to a place on the canvas."""
    canvas = page.locator("#flow-canvas")
    page.locator(f"[data-type={type}]").drag_to(canvas, target_position={"x": x, "y": y})


def connect(page: Page, source: str, port: str, target: str) -> None:
    """Drag from a way out of one step to the way into another."""
    start = page.locator(f"[data-step={source}] .source[data-handleid={port}]")
    end = page.locator(f"[data-step={target}] .target")
    start.hover()
    page.mouse.down()
    end.hover()
    end.hover()  # a drag needs a move on its way and one on the spot
    page.mouse.up()


def click_connection(page: Page, number: int) -> None:
    """On a line, wherever it runs; beside its middle, where its label and its buttons are."""
    line = page.locator(f".react-flow__edge[data-id='{number}'] .react-flow__edge-path")
    x, y = line.evaluate(
        """path => {
          const point = path.getPointAtLength(path.getTotalLength() * 0.4)
          const { x, y } = point.matrixTransform(path.getScreenCTM())
          return [x, y]
        }"""
    )
    page.mouse.click(x, y)
