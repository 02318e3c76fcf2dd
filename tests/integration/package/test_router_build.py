"""The compiled router is optional, unless it is demanded."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def is_router_compiled() -> bool:
    script = runpy.run_path(str(ROOT / "scripts" / "say_router.py"))
    return bool(script["is_router_compiled"]())


@pytest.mark.skipif(
    os.environ.get("MINUET_REQUIRE_COMPILED") != "1", reason="the compiled router is not demanded"
)
def test_demanded_router_is_compiled() -> None:
    assert is_router_compiled()


@pytest.mark.parametrize(("demanded", "optional"), [("1", False), ("", True)])
def test_extension_is_optional_unless_demanded(
    demanded: str, optional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: dict[str, object] = {}
    monkeypatch.setenv("MINUET_REQUIRE_COMPILED", demanded)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("setuptools.setup", lambda **options: built.update(options))
    monkeypatch.setattr(sys, "argv", ["setup.py"])
    runpy.run_path(str(ROOT / "setup.py"))
    extensions = built["ext_modules"]
    assert isinstance(extensions, list)
    assert [extension.optional for extension in extensions] == [optional]
