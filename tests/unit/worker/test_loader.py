"""What `minuet worker` says of modules that it cannot serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.worker.loader import LoadError, load


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"there is no file .*nope\.py"):
        load([str(tmp_path / "nope.py")])


def test_a_file_named_like_a_module_that_is_imported_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "json.py").write_text("x = 1\n")
    with pytest.raises(LoadError, match="is named like the module 'json'"):
        load([str(tmp_path / "json.py")])
