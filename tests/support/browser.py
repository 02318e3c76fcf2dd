"""A real Chromium, and a page that keeps an account of what went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect, sync_playwright

from .programs import find_program

ROOT = Path(__file__).parents[2]
SITE = ROOT / "frontend" / "dist" / "index.html"
OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
SIZE = {"width": 1440, "height": 1400}
WAIT_MS = 15_000


@contextmanager
def chromium() -> Iterator[Browser]:
    (path,) = find_program("install_chromium.sh", "BROWSER TEST")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """Of one page: errors in the console, dialogs, and requests that left for another host."""

    def __init__(self, page: Page, host: str) -> None:
        self.wrong: list[str] = []
        self._host = host
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("dialog", self._asked)
        page.on("request", lambda request: self._sent(request.url))
        page.on("websocket", lambda socket: self._sent(socket.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _asked(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _sent(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != self._host:
            self.wrong.append(f"request to another host: {url}")


@contextmanager
def watched_page(browser: Browser, url: str) -> Iterator[Page]:
    """A page of a fresh profile for the suite at `url`; nothing may go wrong in it."""
    context = browser.new_context(base_url=url, viewport=SIZE)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    host = urlsplit(url).hostname
    assert host is not None
    watch = Watch(page, host)
    try:
        yield page
        assert watch.wrong == []
    finally:
        context.close()
