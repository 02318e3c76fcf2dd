"""Reads the header of a Redis function: the contract that its callers and tests go by."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"^--(?: (\w+))?  +(.*)$")
_ITEM = re.compile(r"(\d+)(\.\.)? (\w+)(?: \(([^)]*)\))?")


@dataclass(frozen=True)
class Item:
    """`rest` stands for any number from this position on."""

    position: int
    name: str
    type: str
    rest: bool


@dataclass(frozen=True)
class Header:
    purpose: str
    sections: dict[str, str]
    keys: list[Item]
    argv: list[Item]


def parse(source: str) -> Header:
    lines = []
    for line in source.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line)
    sections: dict[str, str] = {}
    label = ""
    for line in lines[1:]:
        match = _LINE.match(line)
        if match is None:
            continue
        label = match[1] or label
        sections[label] = f"{sections.get(label, '')}   {match[2]}".strip()
    return Header(
        lines[0].removeprefix("-- "),
        sections,
        _items(sections.get("KEYS", "")),
        _items(sections.get("ARGV", "")),
    )


def _items(text: str) -> list[Item]:
    return [
        Item(int(number), name, (type or "").split(",")[0], bool(rest))
        for number, rest, name, type in _ITEM.findall(text)
    ]
