"""Functions refuse wrong arguments before they write: a Lua error would not undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from minuet.bus import functions
from minuet.bus.codes import FunctionName
from minuet.bus.keys import Keys

from .headers import Header, Item, parse
from .samples import Argument, Id, Sample, samples, seed

HEADERS = {name: parse(source) for name, source in functions.sources().items()}
NAMES = sorted(HEADERS)
NO_NUMBERS = ["", "x", "-1", "1.5", "1e3", " 1", "0x1", "9" * 16]
NO_IDS = ["", "x", "1", "1-", "1-2-3", "-"]
MEANS_INT = {"int"}
WRITES_NOTHING = {"heartbeat"}


@pytest.fixture
def loaded(client: Redis) -> Redis:
    libraries = client.function_list(f"minuet_{functions.version()}")
    if not libraries:
        client.function_load(functions.library().decode())
    return client


@pytest.fixture
def of(loaded: Redis, keys: Keys) -> dict[str, Sample]:
    entry = seed(loaded, keys)
    return {sample.name: sample for sample in samples(keys, entry)}


def call(client: Redis, name: FunctionName, keys: list[str], args: list[Argument]) -> object:
    return client.fcall(functions.registered(name).decode(), len(keys), *keys, *map(as_text, args))


def as_text(arg: Argument) -> str:
    return arg.decode() if isinstance(arg, bytes) else str(arg)


def everything(client: Redis, keys: Keys) -> dict[bytes, tuple[bytes | None, int]]:
    found = client.scan_iter(match=f"{keys.prefix}*", count=1000)
    return {key: (client.dump(key), client.pttl(key)) for key in found}


def mutations(sample: Sample) -> Iterator[tuple[str, list[str], list[Argument]]]:
    keys, args = sample.keys, sample.args
    yield "a key too few", keys[:-1], args
    if args:  # a function without arguments takes any number of keys
        yield "a key too many", [*keys, keys[0]], args
        yield "an argument too few", keys, args[:-1]
        yield "no arguments", keys, []
    yield "no keys", [], args
    yield "an argument too many", keys, [*args, "x"]
    for i, arg in enumerate(args):
        wrong = NO_NUMBERS if isinstance(arg, int) else NO_IDS if isinstance(arg, Id) else []
        for value in wrong:
            yield f"argument {i + 1} is {value!r}", keys, [*args[:i], value, *args[i + 1 :]]


@pytest.mark.parametrize("name", NAMES)
def test_wrong_arguments_are_refused_and_write_nothing(
    loaded: Redis, keys: Keys, of: dict[str, Sample], name: str
) -> None:
    sample = of[name]
    before = everything(loaded, keys)
    for what, wrong_keys, wrong_args in mutations(sample):
        with pytest.raises(ResponseError) as caught:
            call(loaded, sample.name, wrong_keys, wrong_args)
        assert str(caught.value).startswith("BADARGS"), what
    assert everything(loaded, keys) == before


@pytest.mark.parametrize("name", NAMES)
def test_sample_call_is_accepted(
    loaded: Redis, keys: Keys, of: dict[str, Sample], name: str
) -> None:
    sample = of[name]
    before = everything(loaded, keys)
    assert call(loaded, sample.name, sample.keys, sample.args) is not None
    if name not in WRITES_NOTHING:
        assert everything(loaded, keys) != before


@pytest.mark.parametrize("name", NAMES)
def test_header_agrees_with_the_call(of: dict[str, Sample], name: str) -> None:
    header, sample = HEADERS[name], of[name]
    assert_counts(header.keys, len(sample.keys))
    assert_counts(header.argv, len(sample.args))
    for item in header.argv:
        if not item.rest:
            given = sample.args[item.position - 1]
            assert (item.type in MEANS_INT) == isinstance(given, int), item
            assert (item.type == "id") == isinstance(given, Id), item


@pytest.mark.parametrize("name", NAMES)
def test_header_is_complete(name: str) -> None:
    header: Header = HEADERS[name]
    assert header.purpose.endswith(".")
    assert header.sections["Returns"]
    assert [item.position for item in header.keys] == list(range(1, len(header.keys) + 1))
    assert [item.position for item in header.argv] == list(range(1, len(header.argv) + 1))
    for item in (*header.keys, *header.argv):
        if item.rest:
            assert header.sections[item.name], f"{item.name} is not described"


def assert_counts(items: list[Item], given: int) -> None:
    fixed = sum(not item.rest for item in items)
    if items and items[-1].rest:
        assert given >= fixed
    else:
        assert given == fixed
