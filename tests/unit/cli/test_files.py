"""Documents, inputs, and where in a file something stands."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from minuet.cli.diagnostics import print_diagnostics
from minuet.cli.failures import Failure
from minuet.cli.files import Source, looks_like_file, read_inputs, read_source
from minuet.cli.places import Places
from minuet.model.diagnostic import Diagnostic

TEXT = """\
apiVersion: minuet/v1
nodes:
  - id: a
    config:
      url: nowhere
  - {id: b, type: "x", "odd/key": 1}
"""


@pytest.mark.parametrize(
    ("pointer", "line", "column"),
    [
        ("/apiVersion", 1, 13),
        ("/nodes/0/config/url", 5, 12),
        ("/nodes/0/config", 4, 5),
        ("/nodes/1/type", 6, 19),
        ("/nodes/1/odd~1key", 6, 35),
        ("/nodes/1/missing", 6, 5),
        ("/nodes/7", 2, 1),
        ("", 1, 1),
    ],
)
def test_pointers_lead_to_lines_and_columns(pointer: str, line: int, column: int) -> None:
    place = Places(TEXT).of(pointer)
    assert place is not None
    assert (place.line, place.column) == (line, column)


def test_json_has_places_too() -> None:
    place = Places('{\n  "nodes": [\n    {"id": 1}\n  ]\n}').of("/nodes/0/id")
    assert place is not None
    assert (place.line, place.column) == (3, 12)


def test_a_text_that_is_no_yaml_has_no_places() -> None:
    assert Places("a: [").of("/a") is None


def test_a_fault_is_shown_where_it_stands() -> None:
    from rich.console import Console

    out = io.StringIO()
    faults = [Diagnostic("error", "/nodes/1/type", "unknown [type] 'x'")]
    print_diagnostics(Console(file=out, soft_wrap=True), Source("w.yaml", TEXT, None), faults)
    assert out.getvalue().splitlines() == [
        "w.yaml:6:19: error: unknown [type] 'x' (/nodes/1/type)",
        '    6 |   - {id: b, type: "x", "odd/key": 1}',
        "      |                   ^",
    ]


def test_a_place_far_to_the_right_is_still_in_view() -> None:
    from rich.console import Console

    out = io.StringIO()
    text = '{"a": "' + "x" * 500 + '", "b": 1}'
    source = Source("w.json", text, None)
    print_diagnostics(Console(file=out, soft_wrap=True), source, [Diagnostic("error", "/b", "no")])
    _, shown, mark = out.getvalue().splitlines()
    assert shown[mark.index("^")] == "1"
    assert len(shown) < 140


@pytest.mark.parametrize(
    ("name", "is_file"),
    [("lead-routing", False), ("lead-routing@2", False), ("w.yaml", True), ("w.yml", True),
     ("w.json", True), ("./w", True), ("-", True)],
)  # fmt: skip
def test_names_and_files_are_told_apart(name: str, is_file: bool) -> None:
    assert looks_like_file(name) is is_file


def test_inputs_are_text_unless_they_are_marked_as_json() -> None:
    options = ["version=1.10", "count:=3", 'tags:=["a"]', "empty=", "formula=a=b"]
    assert read_inputs(options, None) == {
        "version": "1.10", "count": 3, "tags": ["a"], "empty": "", "formula": "a=b",
    }  # fmt: skip


def test_single_inputs_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "inputs.yaml"
    file.write_text("company: a\nsize: 1\n")
    assert read_inputs(["company=b"], str(file)) == {"company": "b", "size": 1}


@pytest.mark.parametrize("option", ["company", "=x", ":=1", "count:=three", "count:=NaN"])
def test_what_is_no_input_is_refused(option: str) -> None:
    with pytest.raises(Failure, match="--input"):
        read_inputs([option], None)


def test_inputs_must_be_an_object(tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_text("[1]")
    with pytest.raises(Failure, match="an object"):
        read_inputs([], str(file))


def test_broken_files_are_named_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("a: 1\na: 2\n")
    with pytest.raises(Failure, match=r"w\.yaml: .*line 2, column 1"):
        read_source(str(file))


def test_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot read .*w\.yaml: No such file or directory"):
        read_source(str(tmp_path / "w.yaml"))
