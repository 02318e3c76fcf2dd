"""What `minuet approve --payload` makes of a proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minuet.cli.failures import Failure
from minuet.cli.files import read_payload


@pytest.mark.parametrize(
    ("options", "proposal", "payload"),
    [
        (["amount:=120"], {"amount": 240, "to": "a"}, {"amount": 120, "to": "a"}),
        (["to=b", "note=a/b"], {"to": "a"}, {"to": "b", "note": "a/b"}),
        (["x:=[1]"], None, {"x": [1]}),
    ],
)
def test_fields_of_the_proposal_are_changed(
    options: list[str], proposal: Any, payload: Any
) -> None:
    assert read_payload(options, proposal) == payload


def test_a_file_replaces_it(tmp_path: Path) -> None:
    file = tmp_path / "payload.yaml"
    file.write_text("[1, two]")
    assert read_payload([str(file)], {"amount": 240}) == [1, "two"]


@pytest.mark.parametrize(
    ("options", "proposal"), [(["amount"], {}), (["amount:=x"], {}), (["a=1"], [1])]
)
def test_what_changes_nothing_is_refused(options: list[str], proposal: Any) -> None:
    with pytest.raises(Failure, match="--payload"):
        read_payload(options, proposal)
