from __future__ import annotations

import gzip
import os
import re
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from minuet.services.orchestrator.app import create_app
from minuet.services.orchestrator.core import Core
from minuet.services.orchestrator.site.files import Site
from minuet.services.orchestrator.site.policy import security_headers
from minuet.services.orchestrator.site.routes import SECTIONS
from minuet.services.orchestrator.tickets.service import Tickets
from minuet.settings import FanoutSettings

ROUTER = Path(__file__).parents[3] / "frontend" / "src" / "app" / "router.tsx"
SCRIPT = "console.log('here')" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<script nonce="__CSP_NONCE__" src="/assets/a-1.js">')
    (tmp_path / "assets" / "a-1.js").write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("not an asset")
    return tmp_path


def client(folder: Path) -> httpx.AsyncClient:
    core = object.__new__(Core)  # pages need these two parts, and no server behind them
    core.site = Site(folder)
    core.tickets = Tickets(cast(Any, None), FanoutSettings(port=8081))
    transport = httpx.ASGITransport(cast(Any, create_app(core)), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://minuet.test")


@pytest.mark.parametrize("path", ["/", *(f"/{each}" for each in SECTIONS), "/runs/3.x/nodes/a"])
async def test_every_address_of_a_screen_is_the_page(folder: Path, path: str) -> None:
    async with client(folder) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "/assets/a-1.js" in answer.text


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/v1/nope", "/nope", "/assets/nope.js", "/assets/..%2fsecret.txt", "/secret.txt"],
)
async def test_what_is_no_screen_gets_a_problem(folder: Path, path: str) -> None:
    async with client(folder) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_policy_names_this_host_the_sockets_and_a_fresh_nonce(folder: Path) -> None:
    async with client(folder) as browser:
        first, second = await browser.get("/"), await browser.get("/")
    policy = first.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([\w-]{24})'", policy)
    assert nonce is not None
    assert f'nonce="{nonce[1]}"' in first.text
    assert nonce[1] not in second.text
    assert "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-" in policy
    assert "connect-src 'self' ws://minuet.test:8081;" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("host", ["x;script-src *", "x *", "x\r\nSet-Cookie: a"])
def test_a_host_name_cannot_add_to_the_policy(host: str) -> None:
    policy = security_headers("n", f"ws://{host}:1")["Content-Security-Policy"]
    assert "connect-src 'self';" in policy
    assert "*" not in policy
    assert "\r" not in policy


async def test_assets_are_kept_for_ever_and_compressed_on_demand(folder: Path) -> None:
    async with client(folder) as browser:
        plain = await browser.get("/assets/a-1.js", headers={"Accept-Encoding": "identity"})
        async with browser.stream("GET", "/assets/a-1.js") as packed:
            body = b"".join([part async for part in packed.aiter_raw()])
    assert plain.text == SCRIPT
    assert plain.headers["content-type"].startswith("text/javascript")
    assert "immutable" in plain.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body).decode() == SCRIPT


async def test_a_new_build_shows_without_a_restart(folder: Path) -> None:
    async with client(folder) as browser:
        assert "a-1.js" in (await browser.get("/")).text
        (folder / "assets" / "a-1.js").rename(folder / "assets" / "b-2.js")
        (folder / "index.html").write_text('<script src="/assets/b-2.js">')
        os.utime(folder / "index.html", ns=(1, 1))
        assert "b-2.js" in (await browser.get("/")).text
        assert (await browser.get("/assets/a-1.js")).status_code == 404
        assert (await browser.get("/assets/b-2.js")).status_code == 200


async def test_without_a_build_the_page_says_so(tmp_path: Path) -> None:
    async with client(tmp_path) as browser:
        page, asset = await browser.get("/"), await browser.get("/assets/a-1.js")
    assert page.status_code == 200
    assert "MINUET_SITE_DIR" in page.text
    assert asset.status_code == 404


def test_server_and_browser_know_the_same_sections() -> None:
    paths = re.findall(r"path: '/([a-z]+)", ROUTER.read_text())
    assert set(paths) == set(SECTIONS)
