"""Slots of keys, and who serves them by the word of a node."""

from __future__ import annotations

import pytest

from minuet.bus.keys import Keys
from minuet.bus.slots import (
    NO_MAP,
    SLOTS,
    Place,
    key_of,
    key_slot,
    redirected,
    slot_map,
)
from minuet.bus.wire import Argument

A, B = Place("10.0.0.1", 7000), Place("10.0.0.2", 7000)
INFO = b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:7\r\n"


@pytest.mark.parametrize(
    ("key", "slot"),
    [("123456789", 12739), ("foo", 12182), (b"foo{}{bar}", 8363), ("foo{{bar}}zap", 4015)],
)
def test_slots_are_those_of_the_specification(key: str | bytes, slot: int) -> None:
    """12739 is the check value of the specification's CRC; the others come from a server."""
    assert key_slot(key) == slot


def test_a_tag_decides_and_only_the_first() -> None:
    assert key_slot("a{x}b{y}") == key_slot("x")
    assert key_slot("}{x}") == key_slot("x")
    assert key_slot("{}x") != key_slot("")


def test_all_keys_of_a_partition_lie_in_one_slot() -> None:
    keys = Keys("suite:")
    named = [keys.lease(7), keys.signals(7), keys.tasks(7, "http"), keys.run(7, "7-x")]
    assert {key_slot(key) for key in named} == {key_slot("7")}


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ((b"GET", "k"), "k"),
        ((b"FCALL", b"f_1", 2, "k", "l", "arg"), "k"),
        ((b"XREAD", b"COUNT", 9, b"BLOCK", 5, b"STREAMS", "k", "0-0"), "k"),
        ((b"XREADGROUP", b"GROUP", b"g", "c", b"STREAMS", b"k", b">"), b"k"),
        ((b"XINFO", b"GROUPS", "k"), "k"),
        ((b"TIME",), None),
        (("INFO", "memory"), None),
        ((b"PUBLISH", "channel", b"message"), None),
    ],
)
def test_the_key_of_a_command(command: tuple[Argument, ...], key: str | bytes | None) -> None:
    assert key_of(command) == key


def test_a_node_says_who_serves_what() -> None:
    reply = [
        [0, 99, [b"10.0.0.1", 7000, b"id", []], [b"10.0.0.9", 7000, b"replica", []]],
        [100, SLOTS - 2, [b"", 7001, b"id", []]],
    ]
    found = slot_map(reply, INFO, "10.0.0.2")
    assert found.masters[99] == A
    assert found.masters[100] == Place("10.0.0.2", 7001)  # no host: the node's own
    assert found.masters[SLOTS - 1] is None
    assert found.places == {A, Place("10.0.0.2", 7001)}
    assert (found.epoch, found.is_whole) == (7, True)


def test_a_master_that_nobody_can_name_serves_nothing() -> None:
    found = slot_map([[0, SLOTS - 1, [b"?", 7000, b"id"]]], INFO, "h")
    assert found.places == set()


def test_one_slot_moves() -> None:
    before = slot_map([[0, SLOTS - 1, [b"10.0.0.1", 7000, b"id"]]], INFO, "h")
    after = before.moved(5, B)
    assert (after.masters[4], after.masters[5]) == (A, B)
    assert before.changes(after) == 1
    assert NO_MAP.changes(after) == SLOTS


def test_what_a_redirection_says() -> None:
    moved = redirected("MOVED 3999 10.0.0.2:7000", "h")
    assert (moved.place, moved.asking) == (B, False)
    asked = redirected("ASK 3999 ::1:7000", "h")
    assert (asked.place, asked.asking) == (Place("::1", 7000), True)
    assert redirected("MOVED 3999 :7000", "h").place == Place("h", 7000)
    readonly = redirected("READONLY You can't write against a read only replica.", "h")
    assert (readonly.place, readonly.asking) == (None, False)
