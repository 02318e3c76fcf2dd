"""Documents and inputs from files, from stdin, and from `--input` options."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minuet.model.errors import InvalidInput

from .failures import Failure

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name as the person wrote it, its text, and the value in it."""

    name: str
    text: str = field(repr=False)
    value: Any = field(repr=False)


def looks_like_file(name: str) -> bool:
    """Whether `run start` takes this for a file: a known suffix, a slash, or `-` for stdin."""
    return name == STDIN or "/" in name or name.endswith(SUFFIXES)


def read_source(name: str) -> Source:
    """Read YAML or JSON; `-` is stdin. Raises Failure that names file, line and column."""
    data = _read(name)
    shown = "<stdin>" if name == STDIN else name
    try:
        value = _parse(data, is_json=name.endswith(".json"))
    except InvalidInput as error:
        raise Failure(f"{shown}: {error}") from error
    return Source(shown, data.decode("utf-8", errors="replace"), value)


def read_inputs(options: Sequence[str], file: str | None) -> dict[str, Any]:
    """The inputs of a run: those of `file`, then each `key=text` or `key:=json`."""
    inputs: dict[str, Any] = {}
    if file is not None:
        source = read_source(file)
        if not isinstance(source.value, dict):
            raise Failure(f"{source.name}: inputs are an object of names and values")
        inputs.update(source.value)
    for option in options:
        key, value = _parse_option(option)
        inputs[key] = value
    return inputs


def read_payload(options: Sequence[str], proposal: Any) -> Any:
    """What is decided on: a file as it is, or the proposal with each `key=text` or `key:=json`
    changed."""
    if len(options) == 1 and looks_like_file(options[0].partition("=")[0]):
        return read_source(options[0]).value
    if proposal is not None and not isinstance(proposal, dict):
        raise Failure("--payload: the proposal has no fields to change: give a whole one as a file")
    return {**(proposal or {}), **dict(_parse_option(each, "--payload") for each in options)}


def read_fields(options: Sequence[str], name: str) -> Any:
    """A file as it is, or an object of each `key=text` or `key:=json`."""
    if len(options) == 1 and looks_like_file(options[0].partition("=")[0]):
        return read_source(options[0]).value
    return dict(_parse_option(each, name) for each in options)


def _parse_option(option: str, name: str = "--input") -> tuple[str, Any]:
    key, equals, text = option.partition("=")
    if not equals or not key.removesuffix(":"):
        raise Failure(f"{name} {option}: write key=text, or key:=json for other values")
    if not key.endswith(":"):
        return key, text
    try:
        return key[:-1], _parse(text.encode(), is_json=True)
    except InvalidInput as error:
        raise Failure(f"{name} {option}: {error}", hint="text needs no colon: key=text") from error


def _parse(data: bytes, *, is_json: bool) -> Any:
    if is_json:
        from minuet.model.json import parse_json

        return parse_json(data)
    from minuet.model.yaml import parse_yaml

    return parse_yaml(data)


def _read(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as exc:
        raise Failure(f"cannot read {name}: {exc.strerror}") from exc
