"""The library of Redis functions as text."""

from __future__ import annotations

from typing import get_args

import pytest

from minuet.bus import functions
from minuet.bus.codes import FunctionName, Refusal, refusal


def test_every_file_is_a_known_function() -> None:
    assert set(functions.sources()) == set(get_args(FunctionName))


def test_names_end_in_the_version() -> None:
    version = functions.version()
    assert functions.library().startswith(f"#!lua name=minuet_{version}\n".encode())
    for name in get_args(FunctionName):
        assert functions.registered(name) == f"{name}_{version}".encode()
        assert f"function_name = '{name}_{version}'".encode() in functions.library()


def test_only_starts_are_refused_by_a_full_server() -> None:
    refused = {name for name, src in functions.sources().items() if not functions.flags(src)}
    assert refused == {"send"}


def test_flags_are_demanded() -> None:
    with pytest.raises(ValueError, match="Flags"):
        functions.flags("-- A function.\n")


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("ERR Function not found", Refusal.UNKNOWN_FUNCTION),
        ("LOADING Redis is loading the dataset in memory", Refusal.BUSY),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Refusal.BUSY),
        ("READONLY You can't write against a read only replica.", Refusal.MOVED),
        ("MOVED 3999 127.0.0.1:6381", Refusal.MOVED),
        ("ASK 3999 127.0.0.1:6381", Refusal.MOVED),
        ("MISCONF Errors writing to the AOF file: No space left on device", Refusal.BUSY),
        ("NOREPLICAS Not enough good replicas to write.", Refusal.BUSY),
        ("OOM command not allowed when used memory > 'maxmemory'.", Refusal.FULL),
        ("BADARGS 1 keys given, 2 needed", Refusal.OTHER),
        ("WRONGTYPE Operation against a key", Refusal.OTHER),
    ],
)
def test_error_replies_have_a_meaning(reply: str, meaning: Refusal) -> None:
    assert refusal(Exception(reply)) is meaning
