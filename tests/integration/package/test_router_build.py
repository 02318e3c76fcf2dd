"""Compiled router and patcher are optional, unless they are demanded."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(
    os.environ.get("MINUET_REQUIRE_COMPILED") != "1", reason="compiled modules are not demanded"
)
@pytest.mark.parametrize("module", ["minuet.ir.router", "minuet.ir.patcher"])
def test_demanded_module_is_compiled(module: str) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "say_router.py"))
    assert script["is_compiled"](module)
    assert not script["is_compiled"]("minuet.ir.materialise")


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
    assert {extension.name: extension.optional for extension in extensions} == {
        "minuet.ir.router": optional,
        "minuet.ir.patcher": optional,
    }
